"""Checkly acts and does not say so, says so late, or says something else: what was sent must not be sent twice."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from msgspec import Struct

from tests.chaos.campaign import Trial
from tests.chaos.checker import judge
from tests.chaos.stage import SETTLE_MS as SHORT_SETTLE_MS
from tests.chaos.stage import TIMEOUT_MS, Alerts, Stage
from tests.chaos.story import MAILED, OUTAGE, outage
from tests.scenarios.vocabulary import INCIDENTS, UPDATES, metric

SETTLE_MS = 2_000
INCIDENT = "/v1/status-pages/incidents/*"
TARGETS = (
    {"method": "POST", "path": INCIDENTS},
    {"method": "POST", "path": UPDATES},
    {"method": "POST", "path": UPDATES, "skip": 1},
    {"method": "POST", "path": UPDATES, "skip": 2},
    {"method": "PUT", "path": INCIDENT},
    {"method": "GET", "path": "/v1/status-pages/**"},
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
    list_lag_ms: int
    whole_seconds: bool
    others: bool

    @classmethod
    def drawn(cls, seed: int) -> Trouble:
        """Every fault meets every target in turn; the rest is chance."""
        chance = Random(seed)
        fault, target = FAULTS[seed % len(FAULTS)], TARGETS[seed // len(FAULTS) % len(TARGETS)]
        faults = [{**fault, **target}]
        if chance.random() < 0.3:
            faults.append({**chance.choice(FAULTS), **chance.choice(TARGETS)})
        late = any(each["kind"] == "delay" for each in faults)
        return cls(
            faults=tuple(faults),
            list_lag_ms=0 if late else chance.choice((0, 0, 300, SETTLE_MS // 2)),  # both would be beyond it
            whole_seconds=chance.random() < 0.5,
            others=chance.random() < 0.5,
        )


class Ambiguity:
    """Answers are lost, late or wrong, within the settle time."""

    name = "ambiguity"
    runs = 2 * len(FAULTS) * len(TARGETS)

    def trial(self, stage: Stage, seed: int) -> Trial:
        trouble = Trouble.drawn(seed)
        stage.open(settle_ms=SETTLE_MS)
        _prepare(stage, trouble)
        alerts = Alerts()
        slowest = max(stage.deliver(each) + stage.converges(alerts.wanted()) for each in outage(alerts))
        struck = [call["fault"] for call in stage.history().calls if call["fault"]]
        return Trial(
            case=f"{trouble}",
            faults=len(struck),
            verdict=judge(stage.history(), alerts.wanted(), mailed={OUTAGE: MAILED}),
            recovery_s=slowest,
            events=Counter(struck),
        )


class LateTwins:
    """A create comes true, or into sight, only after the settle time: its twin is found and resolved without a mail."""

    name = "late-twins"
    runs = 8

    def trial(self, stage: Stage, seed: int) -> Trial:
        stage.open()
        post = TARGETS[0]
        lost = TIMEOUT_MS + SHORT_SETTLE_MS
        if seed % 2:
            late_ms = lost + 1_500 + Random(seed).randrange(4_000)
            stage.fault("delay", ms=late_ms, **post)
        else:
            late_ms = SHORT_SETTLE_MS + 1_500 + Random(seed).randrange(4_000)
            stage.control("PATCH", "settings", {"list_lag_ms": late_ms})
            stage.fault("drop", commit=True, **post)
        alerts = Alerts()
        slowest = max(stage.deliver(each) + stage.converges(alerts.wanted()) for each in outage(alerts))
        found = int(metric(stage.bridges[0], "bridge_duplicates_total"))
        verdict = judge(stage.history(), alerts.wanted(), mailed={OUTAGE: [MAILED[0], *MAILED]}, late_twins=found)
        what = "committed" if seed % 2 else "listed"
        return Trial(
            case=f"a create is {what} {late_ms} ms late",
            faults=1,
            verdict=verdict,
            recovery_s=slowest,
            events=Counter({"late twins found": found}),
        )


def _prepare(stage: Stage, trouble: Trouble) -> None:
    settings = {"list_lag_ms": trouble.list_lag_ms, "whole_seconds": trouble.whole_seconds}
    stage.control("PATCH", "settings", settings)
    if trouble.others:
        stage.control("POST", "incidents", {"name": OUTAGE, "services": ["Checkout"], "severity": "MEDIUM"})
    stage.control("POST", "faults", list(trouble.faults))
