"""Checkly acts and does not say so, says so late, or says something else: what was sent must not be sent twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from msgspec import Struct, structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import SETTLE_MS as SHORT_SETTLE_MS
from tests.chaos.campaign_servers import TIMEOUT_MS, Alerts, CampaignServers
from tests.chaos.checker import judge
from tests.chaos.generation import V1, Generation
from tests.chaos.habits import Habits
from tests.chaos.outage_script import OUTAGE, first_title, mailed, outage
from tests.scenarios.vocabulary import metric

SETTLE_MS = 2_000
TARGETS = (
    {"method": "POST"},
    {"method": "POST", "path": "/*/incident-updates"},
    {"method": "POST", "path": "/*/incident-updates", "skip": 1},
    {"method": "POST", "path": "/*/incident-updates", "skip": 2},
    {"method": "PUT", "path": "/*"},
    {"method": "GET", "path": "**"},
)
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop", "commit": True},
    {"kind": "drop"},
    {"kind": "delay", "ms": TIMEOUT_MS + 300},
    {"kind": "delay", "ms": TIMEOUT_MS + SETTLE_MS - 500},
    {"kind": "delay", "ms": TIMEOUT_MS + 300, "commit": True},
    {"kind": "answer", "status": 500, "commit": True},
    {"kind": "answer", "status": 502, "body": "html", "commit": True},
    {"kind": "answer", "status": 503, "body": "empty"},
    {"kind": "answer", "status": 504, "body": "string", "commit": True},
    {"kind": "answer", "status": 408, "commit": True},
    {"kind": "answer", "status": 409, "commit": True},
    {"kind": "answer", "body": "unreadable", "commit": True},
    {"kind": "answer", "body": "empty", "commit": True},
    {"kind": "answer", "status": 429},
    {"kind": "answer", "status": 429, "retry_after": 1},
    {"kind": "reorder"},
)


class Trouble(Struct, frozen=True, kw_only=True):
    """What a trial's seed stands for. ``others``: a person has opened an incident of the same name and services."""

    faults: tuple[dict[str, Any], ...]
    habits: Habits
    others: bool

    @classmethod
    def drawn(cls, seed: int, generation: Generation = V1) -> Trouble:
        """Every fault meets every target in turn; the rest is random."""
        rng = Random(seed)
        targets = [_target(generation, each) for each in TARGETS]
        fault, target = FAULTS[seed % len(FAULTS)], targets[seed // len(FAULTS) % len(TARGETS)]
        faults = [{**fault, **target}]
        if rng.random() < 0.3:
            faults.append({**rng.choice(FAULTS), **rng.choice(targets)})
        late = any(each["kind"] == "delay" for each in faults)
        return cls(
            faults=tuple(faults),
            habits=Habits.drawn(rng, longest_lag_ms=0 if late else SETTLE_MS // 2),  # both would be beyond it
            others=rng.random() < 0.5,
        )


class Ambiguity:
    """Answers are lost, late or wrong, within the settle time."""

    runs = 2 * len(FAULTS) * len(TARGETS)

    def __init__(self, generation: Generation = V1) -> None:
        self.name = generation.campaign("ambiguity")
        self._generation = generation

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        trouble = Trouble.drawn(seed, self._generation)
        servers.open(self._generation, settle_ms=SETTLE_MS, checkly={"second_writer": "ignore"})
        _prepare(servers, trouble, self._generation)
        alerts = Alerts(self._generation)
        slowest = max(servers.deliver(each) + servers.converges(alerts.wanted()) for each in outage(alerts))
        struck = [call["fault"] for call in servers.history().calls if call["fault"]]
        return Trial(
            case=f"{trouble}",
            faults=len(struck),
            verdict=judge(servers.history(), alerts.wanted(), mailed=mailed(self._generation)),
            recovery_s=slowest,
            events=Counter(struck),
        )


class LateDuplicates:
    """A create comes true, or into sight, only after the settle time: the duplicate is resolved without a mail."""

    runs = 8

    def __init__(self, generation: Generation = V1) -> None:
        self.name = generation.campaign("late-duplicates")
        self._generation = generation

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        rng = Random(seed)
        habits = Habits.drawn(rng, longest_lag_ms=SHORT_SETTLE_MS // 2)
        habits = structs.replace(habits, early_date=None)  # a create that is refused has no duplicate
        servers.open(self._generation, checkly=habits.checkly)
        post = _target(self._generation, TARGETS[0])
        lost = TIMEOUT_MS + SHORT_SETTLE_MS
        if seed % 2:
            late_ms = lost + 1_500 + rng.randrange(4_000)
            habits.take_on(servers, self._generation)
            servers.fault("delay", ms=late_ms, **post)
        else:
            late_ms = SHORT_SETTLE_MS + 1_500 + rng.randrange(4_000)
            structs.replace(habits, list_lag_ms=late_ms).take_on(servers, self._generation)
            servers.fault("drop", commit=True, **post)
        alerts = Alerts(self._generation)
        slowest = max(servers.deliver(each) + servers.converges(alerts.wanted()) for each in outage(alerts))
        found = int(metric(servers.bridges[0], "bridge_duplicates_total"))
        told = mailed(self._generation)
        told[first_title(self._generation)].insert(0, "INVESTIGATING")
        verdict = judge(servers.history(), alerts.wanted(), mailed=told, late_duplicates=found)
        what = "committed" if seed % 2 else "listed"
        return Trial(
            case=f"a create is {what} {late_ms} ms late; {habits}",
            faults=1,
            verdict=verdict,
            recovery_s=slowest,
            events=Counter({"late duplicates found": found}),
        )


def _target(generation: Generation, target: Mapping[str, Any]) -> dict[str, Any]:
    """A target of this generation: ``path`` goes on from that of the incidents; ** is every call of the API."""
    path = target.get("path", "")
    return {**target, "path": f"/{generation.name}/status-pages/**" if path == "**" else generation.path + path}


def _prepare(servers: CampaignServers, trouble: Trouble, generation: Generation) -> None:
    trouble.habits.take_on(servers, generation)
    if trouble.others:
        servers.control("POST", "incidents", generation.lookalike(OUTAGE))
    servers.control("POST", "faults", list(trouble.faults))
