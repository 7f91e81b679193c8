"""What a campaign plays on: a Redis, the Checkly simulator, bridges that come back when they die, and a sender."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.chaos.checker import History, Wanted, title, unmet
from tests.chaos.generation import ACCOUNT, V1, Generation
from tests.scenarios.vocabulary import alert, iso, now_ms, payload
from tests.servers import Bridge, Redis, Sandbox, Valkey, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

LEASE_MS = 3_000  # three calls long, the least that the reconciler takes
SETTLE_MS = TIMEOUT_MS = 1_000
PATIENCE_S = 60.0
DUE = "bridge:{0}:due"
_POLL_S = 0.04
_RESTS = 4
_QUIET_MS = 60_000  # what is due later than this is retention, not work
_LEVELS = {"critical": "CRITICAL", "warning": "MEDIUM"}
_LAUNCHER = Path(__file__).with_name("launcher.py")
_CHECKLY = {
    "notify": ["open", "severity", "resolved"],
    "timeout": f"{TIMEOUT_MS}ms",
    "requests_per_minute": 100_000,
}
_CONFIG = {
    "version": 1,
    "budgets": "off",
    "limits": {"alerts": 1_000_000},  # the giants of a storm are more than the default allows
    "severity": [{"match": "severity = critical", "is": "CRITICAL"}, {"is": "MEDIUM"}],
    "public_labels": ["region"],
    # each end of an outage is judged, however often it comes: what flaps would be over a quarter of an hour later
    "defaults": {
        "publish_after": "0",
        "resolve_after": "1200ms",
        "reopen_after": "10m",
        "hold_refire": "1s",
        "flap": "off",
    },
    "routes": [
        {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]},
    ],
    "texts": {
        "name": "Outage {{ labels.region }}",
        "investigating": "Started: {{ severity }} {{ services | join('+') }}",
        "monitoring": "Monitoring: {{ services | join('+') }}",
        "resolved": "Resolved: {{ services | join('+') }}",
        "update": "Update: {{ severity }} {{ services | join('+') }}",
    },
}


class Mortal(Bridge):
    """A bridge that gets the signal ``ends_by`` at its boundary ``fatal`` (0: at none).

    Names under ``.test`` resolve to the address in its file ``address``.
    """

    fatal = 0
    ends_by = signal.SIGKILL
    lease_ms = LEASE_MS

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-P", _LAUNCHER, *list(super().command())[3:]]

    def environment(self) -> Mapping[str, str]:
        chaos = {
            "FATAL": str(self.fatal),
            "SIGNAL": self.ends_by.name,
            "LEASE_MS": str(self.lease_ms),
            "ADDRESS": str(self.directory / "address"),
        }
        return {**super().environment(), **{f"CHAOS_{name}": value for name, value in chaos.items()}}

    @property
    def is_dead(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    @property
    def is_stopped(self) -> bool:
        """Whether it stands at the boundary where it was to stop."""
        return self.ends_by is signal.SIGSTOP and 0 < self.fatal <= len(self.boundaries)

    def resolve(self, address: str) -> None:
        """From now on ``.test`` is at this address, or does not resolve when that is empty."""
        (self.directory / "address").write_text(address)

    def crash(self) -> None:
        """Die now, at whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def go_on(self) -> None:
        """Continue after a stop."""
        self.fatal = 0
        self.signal(signal.SIGCONT)

    @property
    def boundaries(self) -> list[str]:
        """What it has passed in all its lives."""
        file = self.directory / "boundaries"
        return file.read_text().splitlines() if file.exists() else []


class CampaignServers:
    """The servers of one lane of trials.

    Bridges that died are started again whenever the campaign looks at the page or delivers: see ``revive``.
    """

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self._numbers = count(1)
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "bridge.yaml"
        server = Redis if programs.find(Redis.name) else Valkey
        self.redis = running.enter_context(server(folder / "redis"))
        self._sandboxes: dict[str, Sandbox] = {}
        self.sandbox = self._sandbox_of(ACCOUNT)
        self.http = running.enter_context(httpx.Client(timeout=5.0))
        self.bridges: list[Mortal] = []
        self._parts: dict[str, Any] = {}
        self.deaths = 0
        self.ends_leases = False
        self._set_up(redis_url="", lease_ms=LEASE_MS, environment={})
        running.callback(self.clear)

    def fresh_folder(self) -> Path:
        """A folder for what a trial starts by itself."""
        return self._folder / f"own-{next(self._numbers)}"

    def open(
        self,
        generation: Generation = V1,
        *,
        bridges: int = 1,
        fatal: int = 0,
        ends_by: signal.Signals = signal.SIGKILL,
        settle_ms: int = SETTLE_MS,
        redis_url: str = "",
        lease_ms: int = LEASE_MS,
        environment: Mapping[str, str] | None = None,
        checkly: Mapping[str, Any] | None = None,
        account: Mapping[str, Any] = ACCOUNT,
        parts: Mapping[str, Any] | None = None,
    ) -> None:
        """Fresh servers with so many bridges, for pages of a generation.

        The first gets ``ends_by`` at its boundary ``fatal`` (0: at none). They use the servers' Redis, or the one at
        ``redis_url``; ``environment`` adds to theirs, and ``checkly`` to that part of their configuration, and
        ``parts`` replace others. The simulator has that ``account``.
        """
        self.clear()
        self.sandbox = self._sandbox_of(account)
        self._set_up(redis_url=redis_url, lease_ms=lease_ms, environment=environment or {})
        with self.redis.client() as client:
            client.flushall()
        self.control("POST", "reset")
        own = {
            "services": dict(generation.services),
            "checkly": {**_CHECKLY, "settle": f"{settle_ms}ms", **(checkly or {})},
        }
        self._parts = {**_CONFIG, **own, **(parts or {})}
        self._config.write_text(yaml.safe_dump(self._parts))
        for _ in range(bridges):
            self.join(fatal, ends_by)
            fatal = 0
        self.waits(lambda: all(each.is_stopped or self._is_ready(each) for each in self.bridges))

    def reload(self, **parts: Any) -> None:
        """Let these replace parts of the configuration of all bridges."""
        self._parts = {**self._parts, **parts}
        written = self._config.with_suffix(".new")
        written.write_text(yaml.safe_dump(self._parts))
        written.replace(self._config)  # whole: a bridge may be reading it

    def _sandbox_of(self, account: Mapping[str, Any]) -> Sandbox:
        """The simulator that has this account: each one runs until the servers' end."""
        text = yaml.safe_dump(dict(account))
        if text not in self._sandboxes:
            folder = self._folder / f"sandbox-{len(self._sandboxes) + 1}"
            folder.mkdir()
            file = folder / "account.yaml"
            file.write_text(text)
            self._sandboxes[text] = self._running.enter_context(Sandbox(folder, account=file))
        return self._sandboxes[text]

    def _set_up(self, *, redis_url: str, lease_ms: int, environment: Mapping[str, str]) -> None:
        self._redis_url = redis_url or self.redis.url
        self._lease_ms = lease_ms
        self._environment = environment

    def join(self, fatal: int = 0, ends_by: signal.Signals = signal.SIGKILL) -> Mortal:
        """Start one more bridge."""
        folder = self._folder / f"bridge-{next(self._numbers)}"
        bridge = Mortal(
            folder,
            config=self._config,
            sandbox=self.sandbox,
            redis_url=self._redis_url,
            environment=self._environment,
        )
        bridge.fatal, bridge.ends_by, bridge.lease_ms = fatal, ends_by, self._lease_ms
        bridge.resolve("127.0.0.1")
        self.bridges.append(bridge.start(wait=False))
        return bridge

    def clear(self) -> None:
        """End the bridges at once."""
        for bridge in self.bridges:
            bridge.kill()
        self.bridges = []
        self.deaths = 0

    def revive(self) -> None:
        """Start again, with no boundary to die at, what has died; with ``ends_leases`` nobody waits for its leases.

        A bridge that stands still gets a colleague.
        """
        if self.bridges and all(each.is_stopped for each in self.bridges):
            self.join()
        for bridge in self.bridges:
            if not bridge.is_dead:
                continue
            bridge.wait()
            self.deaths += 1
            if self.ends_leases:
                self._end_leases()
            bridge.fatal = 0
            bridge.start(wait=False)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The simulator's control endpoint."""
        answer = self.http.request(method, f"{self.sandbox.url}/sandbox/{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def fault(self, kind: str, **which: Any) -> None:
        """Let the calls that ``which`` describes go wrong."""
        self.control("POST", "faults", {"kind": kind, **which})

    def history(self) -> History:
        """All that the simulator saw."""
        return History.of(*(self.control("GET", path) for path in ("state", "mails", "calls")))

    def told(self, history: History) -> tuple[dict[str, list[Any]], dict[str, str]]:
        """What a bridge tells of its incidents, by their references: the entries of all episodes, and the phase now."""
        told: dict[str, list[Any]] = {}
        phases: dict[str, str] = {}
        for reference in sorted({each.reference for each in history.incidents if each.ours and each.reference}):
            now = self._asked(reference)
            ended = (self._asked(f"{reference}.{episode}") for episode in range(1, now["episode"]))
            told[reference] = [entry for each in (*ended, now) for entry in each["history"]]
            phases[reference] = now["phase"]
        return told, phases

    def _asked(self, id_: str) -> Any:
        return self.asked(f"incidents/{id_}")

    def asked(self, what: str) -> Any:
        """What a bridge answers an administrator."""
        bridge = next(each for each in self.bridges if not each.is_stopped)
        headers = {"Authorization": f"Bearer {Bridge.admin_token}"}
        return self.http.get(f"{bridge.url}/api/{what}", headers=headers).raise_for_status().json()

    def deliver(self, body: bytes, *, to: int = 0, within: float = PATIENCE_S) -> float:
        """Deliver as Alertmanager does, again and again until a 2xx; the seconds that took."""
        taken = self.waits(lambda: self.offer(body, to=to) == httpx.codes.ACCEPTED, within=within)
        if taken >= within:
            raise AssertionError(f"a delivery was not accepted within {within:g} s")
        return taken

    def offer(self, body: bytes, *, to: int = 0) -> int:
        """Deliver once; the status of the answer, 0 when there is none."""
        awake = [each for each in self.bridges if not each.is_stopped]
        bridge = awake[to % len(awake)]
        headers = {"Authorization": f"Bearer {Bridge.alertmanager_token}"}
        try:
            return self.http.post(bridge.webhook, content=body, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def shows(self, wanted: Mapping[str, Wanted], *, within: float = PATIENCE_S) -> float:
        """Wait until the page shows what is wanted, whatever is left to do; the seconds that took."""
        return self.waits(lambda: not list(unmet(self.history(), wanted)), within=within)

    def converges(self, wanted: Mapping[str, Wanted], *, within: float = PATIENCE_S) -> float:
        """Wait until the page shows what is wanted and nothing is left to do; the seconds that took.

        Returns also when that never happens: the checker will say what is missing.
        """
        return self.waits(lambda: not list(unmet(self.history(), wanted)) and self.is_quiet(), within=within)

    def waits(self, condition: Callable[[], bool], *, within: float = PATIENCE_S, every_s: float = _POLL_S) -> float:
        """Poll until the condition holds, or for so long; the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            self.revive()
            if condition():
                break
            time.sleep(every_s)
        return time.monotonic() - began

    def rests(self) -> None:
        """Wait for a second of stillness: time for what should not happen any more."""
        for _ in range(_RESTS):
            time.sleep(1 / _RESTS)
            self.waits(self.is_quiet)

    def is_quiet(self) -> bool:
        """Whether nothing is due soon, and no incident is in hand."""
        with self.redis.client() as client:
            first = client.zrange(DUE, 0, 0, withscores=True)
            seconds, _ = client.time()
        return not first or first[0][1] > seconds * 1000 + _QUIET_MS

    def _is_ready(self, bridge: Mortal) -> bool:
        try:
            return self.http.get(f"{bridge.url}/readyz").is_success
        except httpx.TransportError:
            return False

    def _end_leases(self) -> None:
        with self.redis.client() as client:
            seconds, _ = client.time()
            for id_ in client.zrange(DUE, 0, -1):
                key = f"bridge:{{0}}:incident:{id_.decode()}"
                if client.hexists(key, "lease"):
                    client.hset(key, "lease_until", seconds * 1000)
                    client.zadd(DUE, {id_: seconds * 1000})


class Alerts:
    """The alerts of the shop, by region: each region is one incident. Knows what the page must show."""

    def __init__(self, generation: Generation = V1) -> None:
        self._generation = generation
        self._firing: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._ever: dict[str, set[str]] = defaultdict(set)

    def fires(self, region: str, service: str = "Checkout", severity: str = "warning", **labels: str) -> bytes:
        """One more alert fires; the delivery that says so."""
        started = alert(region=region, service=service, severity=severity, **labels)
        self._firing[region][started["fingerprint"]] = started
        self._ever[region].add(service)
        return payload(started)

    def all_fire(self, regions: Sequence[str]) -> bytes:
        """In each of these regions one alert fires; the one delivery that says so."""
        for region in regions:
            self.fires(region)
        return payload(*(each for region in regions for each in self._firing[region].values()))

    def repeats(self, region: str) -> bytes:
        """The delivery that tells of all that fires in the region, again."""
        return payload(*self._firing[region].values())

    def ends(self, region: str, fingerprint: str | None = None) -> bytes:
        """Every alert of the region ends, or that one; the delivery that says so."""
        firing = self._firing[region]
        ended = [firing.pop(each) for each in ([fingerprint] if fingerprint else list(firing))]
        return payload(*({**each, "status": "resolved", "endsAt": iso(now_ms())} for each in ended))

    def firing(self, region: str) -> list[str]:
        """The fingerprints of what fires."""
        return list(self._firing[region])

    def wanted(self, *, may_be_unpublished: bool = False) -> dict[str, Wanted]:
        """What the pages must show, by the incidents' titles.

        ``may_be_unpublished``: what has cleared may have done so before it could be published.

        A page where nothing fires may have an incident open, or none, until nothing fires on the other pages either.
        """
        return {
            title(name(region), page): self._want(region, shown, may_be_unpublished)
            for region, ever in self._ever.items()
            for page, shown in self._generation.shown.items()
            if ever & shown and (not self._firing[region] or self._levels(region, shown))
        }

    def _want(self, region: str, shown: frozenset[str], may_be_unpublished: bool) -> Wanted:
        levels, impacts = self._levels(region, shown), self._generation.impacts
        return Wanted(
            severity=min(levels.values(), default=None),
            services=frozenset(levels),
            ever=frozenset(self._ever[region] & shown),
            impacts={service: impacts[level] for service, level in levels.items()} if impacts else {},
            may_be_unpublished=may_be_unpublished and not levels,
        )

    def _levels(self, region: str, shown: frozenset[str]) -> dict[str, str]:
        """How bad each service of a page is; of the two severities the worse comes first in the alphabet."""
        levels: dict[str, str] = {}
        for each in self._firing[region].values():
            service, level = each["labels"]["service"], _LEVELS[each["labels"]["severity"]]
            if service in shown:
                levels[service] = min(level, levels.get(service, level))
        return levels


def name(region: str) -> str:
    """What the page calls the incident of a region."""
    return f"Outage {region}"


def lanes() -> int:
    """How many stages this machine carries at once: most of a trial is waiting."""
    return 4 * (os.cpu_count() or 1)
