"""What hostile input is aimed at: a bridge with secrets to find and a page to look at."""

from __future__ import annotations

import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from msgspec.structs import replace

from tests.chaos.campaign_servers import name
from tests.chaos.checker import History, Verdict, Wanted, judge, unmet
from tests.chaos.leaks import Markup, spoken, unsafe, unsound_lines
from tests.chaos.malformed_payloads import CANARY
from tests.chaos.memory import MIB, Memory
from tests.scenarios.vocabulary import alert, payload
from tests.servers import Bridge, Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import ExitStack

    from tests.chaos.campaign_servers import CampaignServers

_SECRETS = {
    "CHECKLY_API_KEY": "wombat_key",
    "ALERTMANAGER_TOKENS": f"{Bridge.alertmanager_token},wombat_user:wombat_password",
    "PAGERDUTY_SIGNING_SECRETS": "wombat_old,wombat_new",
    "ADMIN_TOKENS": f"{Bridge.admin_token},wombat_admin",
}
_UNSPEAKABLE = (CANARY, "wombat", Bridge.alertmanager_token, Bridge.admin_token)
_SERVICES = ["Checkout", "Payments", "Search"]
_ACCOUNT = {
    "api_key": _SECRETS["CHECKLY_API_KEY"],
    "services": _SERVICES,
    "pages": [{"name": "Shop", "url": "shop", "cards": [{"name": "All", "services": _SERVICES}]}],
}
_KINDS_OF_TEXT = ("investigating", "identified", "monitoring", "resolved", "update")
_TEXT = "Now {{ severity }} for {{ services }} in {{ labels.region }} since {{ labels.title }}"
_CONFIG = {
    "version": 1,
    "budgets": "off",
    "checkly": {"settle": "1s", "requests_per_minute": 100_000},
    "services": {each: each for each in _SERVICES},
    "severity": [{"match": "severity = critical", "is": "CRITICAL"}, {"is": "MEDIUM"}],
    "public_labels": ["region", "title"],
    "defaults": {
        "publish_after": "0",
        "resolve_after": "1s",
        "reopen_after": "10m",
        "hold_refire": "1s",
        "flap": "off",
    },
    "pagerduty": {"notes": {"marker": "PUBLIC:"}, "status_updates": True},
    "routes": [
        {"name": "normal", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]},
        {"name": "careless", "match": "team = careless", "services": ["Payments"], "group_by": ["region"]},
        {"name": "injection", "match": "team = injection", "services": ["Payments"], "group_by": ["case"]},
        {"name": "pager", "match": "team = pager", "services": ["Payments"], "group_by": ["title"]},
        {"name": "others", "services": ["Search"], "texts": {"name": "Others"}},
    ],
    "texts": {"name": "Outage {{ labels.region }}", **dict.fromkeys(_KINDS_OF_TEXT, _TEXT)},
}


class Target:
    """A bridge of its own on the servers' Redis. ``wrong`` collects what should not be."""

    def __init__(
        self, servers: CampaignServers, running: ExitStack, *, limits: Mapping[str, int] | None = None
    ) -> None:
        folder = servers.redis.directory.parent / "target"
        folder.mkdir(exist_ok=True)
        account, config = folder / "account.yaml", folder / "bridge.yaml"
        account.write_text(yaml.safe_dump(_ACCOUNT))
        config.write_text(yaml.safe_dump(_CONFIG | ({"limits": dict(limits)} if limits else {})))
        with servers.redis.client() as client:
            client.flushall()
        self._servers = servers
        self._sandbox = running.enter_context(Sandbox(folder / "sandbox", account=account))
        self.bridge = Bridge(
            folder / "bridge", config=config, sandbox=self._sandbox, redis_url=servers.redis.url, environment=_SECRETS
        )
        self.bridge.log_path.unlink(missing_ok=True)
        running.enter_context(self.bridge)
        self._http = running.enter_context(httpx.Client(timeout=120.0))
        self._pid = self.bridge.pid
        self._wanted: dict[str, Wanted] = {}
        self.memory = Memory(self._pid)
        self._redis_bytes = self._redis_holds()
        self.wrong: list[str] = []

    def alertmanager(self, body: bytes) -> int:
        """Deliver with the right token; the status of the answer."""
        return self._post("alertmanager", body, {"Authorization": f"Bearer {Bridge.alertmanager_token}"})

    def pagerduty(self, body: bytes) -> int:
        """Deliver with the right signature among wrong ones; the status of the answer."""
        right = hmac.digest(b"wombat_new", body, "sha256").hex()
        return self._post("pagerduty", body, {"X-PagerDuty-Signature": f"v1={'0' * 64}, v1={right},v2=x"})

    def fires(self, region: str) -> float:
        """An alert like any other, with the canary in a label of its own; it must be taken, and reach the page.

        The seconds that took.
        """
        began = time.monotonic()
        if (status := self.alertmanager(normal(region))) != httpx.codes.ACCEPTED:
            self.wrong.append(f"a normal alert was answered {status}")
        self._wanted[name(region)] = Wanted(severity="MEDIUM", services=frozenset({"Checkout"}))
        self._shows_what_is_wanted()
        seconds = time.monotonic() - began
        self.rests()
        return seconds

    def rests(self) -> None:
        """Wait until the page shows the normal alerts, and nothing is left to do."""
        self._shows_what_is_wanted()
        eventually(self._servers.is_quiet, "nothing to do", within=60)

    def _shows_what_is_wanted(self) -> None:
        eventually(lambda: not list(unmet(self.history(), self._wanted)), "normal alerts on the page", within=60)

    @property
    def redis_grown_mib(self) -> float:
        """By how much Redis holds more than at first."""
        return max(0.0, round((self._redis_holds() - self._redis_bytes) / MIB, 1))

    def _redis_holds(self) -> int:
        with self._servers.redis.client() as client:
            return int(client.info("memory")["used_memory"])

    def history(self) -> History:
        """All that the simulator saw."""
        return History.of(*(self._sandbox.control("GET", path) for path in ("state", "mails", "calls")))

    def markup(self) -> set[str]:
        """The tags and attributes of the page."""
        return Markup(self._http.get(f"{self._sandbox.url}/pages/shop").raise_for_status().text).found

    def hears(self, answer: bytes) -> None:
        """An answer came: it may not say what it should not."""
        self.wrong += spoken(_UNSPEAKABLE, {"an answer": answer.decode(errors="replace")})

    def judged(self, *, most_growth_mib: int) -> Verdict:
        """Whether the bridge is as it was, and nothing got out that should not."""
        if self.bridge.pid != self._pid or not self.bridge.is_ready():
            self.wrong.append("the bridge is not ready")
        if self.memory.growth_mib > most_growth_mib:
            self.wrong.append(f"memory grew by {self.memory.growth_mib} MiB, {most_growth_mib} are allowed")
        headers = {"Authorization": "Bearer wombat_admin"}
        for path in (
            "/api/incidents",
            *(f"/api/incidents/{each['id']}" for each in self.bridge.incidents()["incidents"]),
        ):
            if not self._http.get(self.bridge.url + path, headers=headers).is_success:
                self.wrong.append(f"{path} has no answer")
        page: list[dict[str, Any]] = self._sandbox.control("GET", "state")["incidents"]
        metrics = self._http.get(f"{self.bridge.url}/metrics").raise_for_status().text
        seen = {"the log": self.bridge.output, "the metrics": metrics, "the page": json.dumps(page)}
        self.wrong += (*spoken(_UNSPEAKABLE, seen), *unsound_lines(self.bridge.output), *unsafe(_texts(page)))
        history = self.history()
        normal = replace(history, incidents=tuple(each for each in history.incidents if each.title in self._wanted))
        verdict, of_normal = judge(history, self._wanted), judge(normal, self._wanted)  # others may say the same twice
        return Verdict(lost=verdict.lost, doubled=of_normal.doubled, wrong=(*verdict.wrong, *self.wrong))

    def _post(self, sender: str, body: bytes, headers: Mapping[str, str]) -> int:
        answer = self._http.post(f"{self.bridge.url}/webhooks/{sender}", content=body, headers=headers)
        self.hears(answer.content)
        return answer.status_code


def normal(region: str) -> bytes:
    """The delivery of an alert like any other."""
    return payload(alert(region=region, service="Checkout", title="noon", instance=CANARY))


def _texts(page: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for incident in page:
        yield incident["name"]
        yield from (update["description"] for update in incident["incidentUpdates"])
