"""Operators who do anything to anything, on any replica, twice, and two at once; and a person who edits the page."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from bridge.orders import Verb
from tests.chaos.campaign_servers import PATIENCE_S
from tests.chaos.ledger import FREE, Deed, Edit
from tests.scenarios.vocabulary import now_ms

if TYPE_CHECKING:
    from random import Random

    from tests.chaos.campaign_servers import Alerts, CampaignServers
    from tests.chaos.ledger import Ledger
    from tests.servers import Bridge

ENVIRONMENT = {"OPERATOR_TOKENS": "alice:alice-secret,bob:bob-secret"}
BY_HAND = "By hand"
VERBS = [str(each) for each in Verb]
_ENDINGS = {Verb.MUTE, Verb.UNMUTE, Verb.RESOLVE}  # two of these at once: nobody can say whether it was over in between
_DEFINITE = {FREE, 400, 403, 404, 409}
_MOST_ASKED = 60.0


class Operators:
    """``counts`` has what was asked for, by verb and answer."""

    def __init__(self, servers: CampaignServers, rng: Random, alerts: Alerts, ledger: Ledger) -> None:
        self._servers = servers
        self._rng = rng
        self._alerts = alerts
        self._ledger = ledger
        self._numbers = count(1)
        self._ids: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def acts(self, region: str, verb: str = "", **more: Any) -> None:
        """One operator, or two at once where no ``verb`` is given, do something to the incident of a region."""
        if self.id_of(region) is None:
            return
        if verb:
            self._at_once(region, [("alice", verb, more)])
            return
        asked = [self._drawn(region, by) for by in self._people()]
        if len(asked) > 1 and all(each[1] in _ENDINGS for each in asked):
            asked = asked[:1]
        self._at_once(region, asked)

    def _people(self) -> list[str]:
        people = ["alice", "bob"]
        self._rng.shuffle(people)
        return people if self._rng.random() < 0.3 else people[:1]

    def _drawn(self, region: str, by: str) -> tuple[str, str, dict[str, Any]]:
        verb, rng = self._rng.choice(VERBS), self._rng
        more: dict[str, Any] = {"reason": "so it was drawn"}
        if verb in {"hold", "mute"} and rng.random() < 0.5:
            more["for_ms"] = rng.choice((1_000, 4_000))
        if verb in {"mute", "unmute"}:
            known = sorted(self._alerts.firing(region))
            if not known:
                return by, "retry", {}
            more["alert"] = rng.choice(known)
        if verb == "say":
            more |= {"text": f"Words number {next(self._numbers)} of a person.", "notify": rng.random() < 0.3}
            if rng.random() < 0.4:
                more["status"] = rng.choice(("IDENTIFIED", "MONITORING"))
        if verb == "publish":
            more["quiet"] = rng.random() < 0.3
        if rng.random() < 0.2:
            more["revision"] = rng.randint(0, 12)
        return by, verb, more

    def _at_once(self, region: str, asked: list[tuple[str, str, dict[str, Any]]]) -> None:
        id_ = self._ids[region]
        for _, verb, _ in asked:
            self._ledger.asks(region, verb)
        keys = [f"key-{next(self._numbers)}" for _ in asked]
        seeds = [self._rng.random() for _ in asked]
        with ThreadPoolExecutor(len(asked)) as pool:
            working = [
                pool.submit(self._insist, region, id_, each, key, seed)
                for each, key, seed in zip(asked, keys, seeds, strict=True)
            ]
            self._servers.waits(lambda: all(each.done() for each in working), within=2 * _MOST_ASKED)
            deeds = [each.result() for each in working]
        self._ledger.acted(*deeds)
        for deed, key in zip(deeds, keys, strict=True):
            self.counts[f"{deed.verb} {'done' if deed.is_done else 'refused'}"] += 1
            if deed.is_done and self._rng.random() < 0.3:
                self._repeat(id_, deed, key)

    def _insist(self, region: str, id_: str, asked: tuple[str, str, dict[str, Any]], key: str, seed: float) -> Deed:
        """Ask again under the same key, any replica, until the answer is definite."""
        by, verb, more = asked
        asked_at, until, status = now_ms(), time.monotonic() + _MOST_ASKED, 0
        while status not in _DEFINITE:
            if time.monotonic() > until:
                raise AssertionError(f"{verb} was not answered within {_MOST_ASKED:g} s")
            bridges = self._servers.bridges
            status = self._ask(bridges[int(seed * 1_000) % len(bridges)], id_, by, verb, more, key)
            seed = (seed * 7 + 0.31) % 1
            if status not in _DEFINITE:
                time.sleep(0.05)
        if status in {400, 403}:
            raise AssertionError(f"{verb} {more} was answered {status}")
        return Deed(region=region, verb=verb, by=by, asked_at=asked_at, answered_at=now_ms(), status=status, more=more)

    def _ask(self, bridge: Bridge, id_: str, by: str, verb: str, more: dict[str, Any], key: str) -> int:
        body = {"action": verb, "key": key, **{name: value for name, value in more.items() if name != "for_ms"}}
        if "for_ms" in more:
            body["for"] = f"{more['for_ms']}ms"
        headers = {"Authorization": f"Bearer {by}-secret"}
        try:
            return httpx.post(f"{bridge.url}/api/incidents/{id_}/actions", json=body, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def _repeat(self, id_: str, deed: Deed, key: str) -> None:
        """The same again under the same key changes nothing."""
        again = self._insist_alone(id_, deed, key)
        if again != FREE:
            raise AssertionError(f"{deed.verb} was taken, and its repeat answered {again}")

    def _insist_alone(self, id_: str, deed: Deed, key: str) -> int:
        found: list[int] = []

        def is_answered() -> bool:
            bridge = self._rng.choice(self._servers.bridges)
            found.append(self._ask(bridge, id_, deed.by, deed.verb, deed.more, key))
            return found[-1] in _DEFINITE

        self._servers.waits(is_answered)
        return found[-1]

    def lift(self, *, for_ms: int) -> None:
        """Lift the budgets, for so long."""
        body = {"for": f"{for_ms}ms", "reason": "so it was drawn", "key": f"key-{next(self._numbers)}"}

        def is_lifted() -> bool:
            bridge = self._rng.choice(self._servers.bridges)
            headers = {"Authorization": "Bearer bob-secret"}
            try:
                return httpx.post(f"{bridge.url}/api/budgets/lift", json=body, headers=headers).is_success
            except httpx.TransportError:
                return False

        self._servers.waits(is_lifted)
        self.counts["lift"] += 1

    def id_of(self, region: str) -> str | None:
        """The id of the region's incident, if a bridge knows one; it is the reference on the page."""
        if region not in self._ids:
            self.learn()
        return self._ids.get(region)

    @property
    def regions(self) -> dict[str, str]:
        """The regions by the ids of their incidents, as far as they were learned."""
        return {id_: region for region, id_ in self._ids.items()}

    def learn(self) -> None:
        """Ask for the ids of all incidents."""
        self._ids |= {each["group"]["region"]: each["id"] for each in self.known()}

    def known(self) -> list[Any]:
        """All incidents, as the API lists them."""
        found: list[Any] = []

        def is_answered() -> bool:
            try:
                found[:] = self._rng.choice(self._servers.bridges).incidents()["incidents"]
            except (httpx.HTTPError, ValueError):
                return False
            return True

        if self._servers.waits(is_answered) >= PATIENCE_S:
            raise AssertionError("no bridge lists its incidents")
        return found

    def edits_the_page(self, region: str) -> None:
        """A person renames, worsens, or resolves what stands open; not while a write to it is under way."""
        id_ = self.id_of(region)
        mine = [each for each in self.known() if each["id"] == id_]
        shown = [each for each in self._servers.history().incidents if each.ours and each.reference == id_]
        standing = [each for each in shown if each.status != "RESOLVED"]
        if not standing or any(post["pending"] for each in mine for post in each["posts"]):
            return
        remote_id, kind = standing[-1].id, self._rng.choice(("name", "severity", "resolve"))
        self.counts[f"{kind} by hand"] += 1
        if kind == "resolve":
            self._ledger.ends_take_over(region)
            before = now_ms()
            self._edit(remote_id, status="RESOLVED", description=f"{BY_HAND}: it is over.")
            self._ledger.closes(region, is_certain=self._is_seen(id_, before))
            return
        edit = Edit(
            region=region,
            remote_id=remote_id,
            at=now_ms(),
            name=f"{BY_HAND} {next(self._numbers)}" if kind == "name" else "",
            severity="CRITICAL" if kind == "severity" else "",
        )
        self._ledger.edited(edit)
        self._edit(remote_id, **({"name": edit.name} if edit.name else {"severity": edit.severity}))

    def _edit(self, remote_id: str, **fields: str) -> None:
        self._servers.control("PATCH", f"incidents/{remote_id}", fields)

    def _is_seen(self, id_: str | None, since: int) -> bool:
        """Whether the bridge has noticed by itself that it was resolved; an edit amid a write may be lost."""
        patience_s = 5.0
        return (
            self._servers.waits(lambda: self._shows_closed(id_), within=patience_s, every_s=0.2) < patience_s
            and now_ms() > since
        )

    def _shows_closed(self, id_: str | None) -> bool:
        return any(post["closed_at"] for each in self.known() if each["id"] == id_ for post in each["posts"])
