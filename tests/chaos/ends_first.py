"""Very many outages begin, and some of what is on the page ends: the ends wait for nothing but the ends before them."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import Alerts, CampaignServers, name
from tests.chaos.checker import judge
from tests.chaos.checkly_faults import LEASE_MS
from tests.chaos.generation import ACCOUNT
from tests.scenarios.vocabulary import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.chaos.checker import History

BRIDGES = 2
PER_MINUTE = 240
RESOLVE_AFTER_MS = 1_200  # of the servers' configuration
SLACK_S = 3.0
_REQUESTS_AN_END = 2  # the look, and the update
_REQUEST_MS = 60_000 / (PER_MINUTE - PER_MINUTE // 4 - PER_MINUTE // 60)
_MINUTE_MS = 60_000
_PATIENCE_S = 100.0
_AT_ONCE = 100  # alerts of a delivery
_EXTRA_PAGES = 60
_TEAMS = [{"name": f"Team {n}", "url": f"team-{n}", "components": ["Website"]} for n in range(_EXTRA_PAGES)]
_LARGE_ACCOUNT: dict[str, Any] = ACCOUNT | {"pages": [*ACCOUNT["pages"], *_TEAMS]}


class End(Struct, frozen=True, kw_only=True):
    """An update that tells readers of an end: ``due_at`` it was to be made, and ``at`` it was, None if never."""

    region: str
    status: str
    due_at: int
    at: int | None

    @property
    def took_ms(self) -> int:
        """From when it was due."""
        return _MINUTE_MS * 10 if self.at is None else self.at - self.due_at


class EndsFirst:
    """With ``shown`` of the ``outages`` on the page, ``ended`` of them end, each told in one update or two.

    With an odd seed the account has 60 more v3 pages, and both bridges have just started: they audit it meanwhile. The
    simulator's calls are counted until ``watch_s`` after the first.
    """

    name = "ends-first"
    runs = 40

    def __init__(
        self, *, outages: int = 500, shown: int = 40, ended: int = 10, watch_s: float = 70.0, slack_s: float = SLACK_S
    ) -> None:
        self._outages = outages
        self._shown = shown
        self._ended = ended
        self._watch_s = watch_s
        self._slack_s = slack_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        restarts = seed % 2 == 1
        checkly = {"requests_per_minute": PER_MINUTE, "timeout": "10s"}
        servers.open(
            bridges=BRIDGES,
            lease_ms=LEASE_MS,
            checkly=checkly,
            environment={"CHAOS_AUDIT": "1"},
            account=_LARGE_ACCOUNT if restarts else ACCOUNT,
        )
        began = time.monotonic()
        alerts = Alerts()
        regions = [f"r{number}" for number in range(self._outages)]
        for first in range(0, self._outages, _AT_ONCE):
            servers.deliver(alerts.all_fire(regions[first : first + _AT_ONCE]), to=first // _AT_ONCE)
        shown = _on_the_page(servers, self._shown)
        if restarts:
            for bridge in servers.bridges:
                bridge.stop()
                bridge.start()
        over = Random(seed).sample(sorted(shown), self._ended)
        ended_at = {}
        for region in over:
            servers.deliver(alerts.ends(region), to=int(region[1:]))
            ended_at[region] = now_ms()
        wanted = {name(region): alerts.wanted()[name(region)] for region in shown}
        servers.waits(lambda: not any(_is_open(servers, over)), within=_PATIENCE_S, every_s=0.2)
        time.sleep(max(0.0, self._watch_s - (time.monotonic() - began)))
        history = servers.history()
        servers.clear()
        ends = list(_ends(history, ended_at))
        verdict = judge(history, wanted)
        wrong = [*_late(ends, self._slack_s), *_over_budget(history)]
        return Trial(
            case=f"{self._outages} outages, {len(over)} of {len(shown)} end"
            + (", after a restart" if restarts else ""),
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *wrong)),
            recovery_s=max(end.took_ms for end in ends) / 1000,
            events=Counter(
                {
                    "ends": len(ends),
                    "ends told within 3 s": sum(end.took_ms <= SLACK_S * 1000 for end in ends),
                    "ends told within 60 s": sum(end.took_ms <= _MINUTE_MS for end in ends),
                    "opened by then": len(history.incidents),
                    "calls in the busiest minute": _busiest(history),
                }
            ),
        )


def _on_the_page(servers: CampaignServers, count: int) -> set[str]:
    """The regions of the incidents that are on the page, once there are so many."""
    titles: set[str] = set()

    def are_there() -> bool:
        titles.update(each["name"] for each in _shown(servers))
        return len(titles) >= count

    servers.waits(are_there, within=_PATIENCE_S, every_s=0.2)
    return {title.rpartition(" ")[2] for title in titles}


def _shown(servers: CampaignServers) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = servers.control("GET", "state")["incidents"]
    return found


def _is_open(servers: CampaignServers, regions: Sequence[str]) -> Iterator[bool]:
    titles = {name(region) for region in regions}
    return (each["incidentUpdates"][0]["status"] != "RESOLVED" for each in _shown(servers) if each["name"] in titles)


def _ends(history: History, ended_at: Mapping[str, int]) -> Iterator[End]:
    """What told of each end: MONITORING and RESOLVED, or RESOLVED at once where that was due by then."""
    for region, due_at in ended_at.items():
        (incident,) = history.titled(name(region))
        told = {update.status: update.at for update in incident.updates}
        if "MONITORING" in told or "RESOLVED" not in told:
            yield End(region=region, status="MONITORING", due_at=due_at, at=told.get("MONITORING"))
            due_at += RESOLVE_AFTER_MS  # noqa: PLW2901 - of what follows
        yield End(region=region, status="RESOLVED", due_at=due_at, at=told.get("RESOLVED"))


def _late(ends: Sequence[End], slack_s: float) -> Iterator[str]:
    """Those that waited for more than the ends before them."""
    in_turn = sorted(ends, key=lambda end: (end.at is None, end.at))
    for nth, end in enumerate(in_turn):
        if end.at is None:
            yield f"{end.region}: {end.status} was not told within {_PATIENCE_S:g} s"
        elif end.took_ms > slack_s * 1000 + nth * _REQUESTS_AN_END * _REQUEST_MS:
            yield f"{end.region}: {end.status} was told after {end.took_ms} ms, behind {nth} others"


def _busiest(history: History) -> int:
    """The most calls in any 60 seconds, on the simulator's clock."""
    times: list[int] = sorted(call["at"] for call in history.calls)
    return max(sum(start <= at < start + _MINUTE_MS for at in times) for start in times)


def _over_budget(history: History) -> Iterator[str]:
    busiest = _busiest(history)
    if busiest > PER_MINUTE:
        yield f"{busiest} calls in one minute, {PER_MINUTE} are allowed"
