"""Whatever peers do, a close has all of its evidence: restated here from the whole history of what they answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.healing.judgement import Decision
from bridge.core.healing.seen import Poll
from tests.unit.core.healing.cluster_harness import (
    ALERT,
    DAY,
    MINUTE,
    PEERS,
    VOID,
    WATCHDOG,
    ClusterHarness,
    cluster,
    healing,
    listed,
)

if TYPE_CHECKING:
    from bridge.config.healing import Healing

SETTINGS = {"absent_for_ms": 5 * MINUTE, "min_uptime_ms": 4 * MINUTE}
PEER = st.sampled_from(PEERS)
ACTS = st.one_of(
    st.tuples(st.just("rounds"), st.integers(1, 12)),
    st.tuples(st.just("rounds"), st.integers(1, 12)),
    st.tuples(st.just("gone")),
    st.tuples(st.just("lists"), PEER),
    st.tuples(st.just("silences"), PEER),
    st.tuples(st.just("fails"), PEER),
    st.tuples(st.just("answers"), PEER),
    st.tuples(st.just("restarts"), PEER, st.sampled_from([0, 0, DAY, -DAY])),
    st.tuples(st.just("is cut off"), PEER),
    st.tuples(st.just("hears again"), PEER),
    st.tuples(st.just("settles"), PEER),
    st.tuples(st.just("is settled"), PEER),
    st.tuples(st.just("arrives")),
    st.tuples(st.just("pause"), st.integers(1, 30)),
    st.tuples(st.just("is empty"), PEER),
)


class Round(Struct, frozen=True):
    """What was answered in a round, and when the alert had last arrived."""

    at: int
    answers: dict[str, Any]
    seen_at: int


class Played(ClusterHarness):
    """Keeps all that was answered."""

    def __init__(self, configuration: Healing) -> None:
        super().__init__(configuration)
        self.history: list[Round] = []

    def answer(self, url: str) -> Any:
        answer = super().answer(url)
        if not self.history or self.history[-1].at != self.now:
            self.history.append(Round(self.now, {}, self.alert.seen_at))
        self.history[-1].answers[url] = answer
        return answer

    def play(self, act: tuple[Any, ...]) -> None:  # noqa: C901, PLR0912 - a closed set, in a row
        match act:
            case ("gone",):
                self.forget()
            case ("lists", url):
                self.alerts[url] = {ALERT: listed()}
            case ("silences", url):
                self.alerts[url] = {ALERT: listed(silenced=True)}
            case ("fails", url):
                self.errors[url] = VOID
            case ("answers", url):
                self.errors.pop(url, None)
            case ("restarts", url, skew):
                self.restart(url, f"at {self.now}")
                self.up_at[url] -= skew
            case ("is cut off", url):
                self.frozen.add(url)
            case ("hears again", url):
                self.frozen.discard(url)
            case ("settles", url):
                self.settled[url] = False
            case ("is settled", url):
                self.settled[url] = True
            case ("is empty", url):
                self.alerts[url], self.watchdogs[url] = {}, {}
            case ("arrives",):
                self.alert = replace(self.alert, seen_at=self.now)
            case ("pause", minutes):
                self.now += minutes * MINUTE


def is_clean(one: Round, before: Round | None, harness: Played) -> bool:
    """Whether a round alone speaks for the end: everybody answered, old, settled, alive, and without the alert."""
    for url in PEERS:
        answer = one.answers[url]
        former = before.answers[url] if before else None
        if not isinstance(answer, Poll) or ALERT in answer.alerts or not answer.is_settled or not answer.alerts:
            return False
        if answer.age_ms is None or answer.age_ms <= SETTINGS["min_uptime_ms"]:
            return False
        is_renewed = any(
            isinstance(earlier.answers[url], Poll)
            and WATCHDOG in earlier.answers[url].alerts
            and earlier.answers[url].process == answer.process
            and earlier.answers[url].alerts[WATCHDOG].updated_at != answer.alerts[WATCHDOG].updated_at
            for earlier in harness.history
            if one.at - 5 * MINUTE <= earlier.at < one.at
        )
        if WATCHDOG not in answer.alerts or not is_renewed:
            return False
        if former is not None and isinstance(former, Poll) and former.process != answer.process:
            return False
    return True


def has_evidence(harness: Played) -> bool:
    """Whether the last rounds, all of them clean and none far from the next, are enough."""
    row: list[Round] = []
    before: Round | None = None
    for one in harness.history:
        is_close = before is None or one.at - before.at <= 2 * harness.healing.interval_ms + 20_000
        clean = is_clean(one, before, harness)
        row = [*(row if is_close else []), one] if clean else []
        before = one
    row = [one for one in row if one.at > harness.alert.seen_at]
    if len(row) < 3 or row[-1].at - row[0].at < SETTINGS["absent_for_ms"]:
        return False
    lives = {url: row[0].answers[url].process for url in PEERS}
    return any(
        isinstance(one.answers[url], Poll)
        and one.answers[url].process == lives[url]
        and ALERT in one.answers[url].alerts
        for one in harness.history
        for url in PEERS
    )


@settings(max_examples=300, deadline=None)
@given(acts=st.lists(ACTS, max_size=30))
def test_what_is_closed_has_all_of_its_evidence(acts: list[tuple[Any, ...]]) -> None:
    harness = Played(healing(**SETTINGS))
    harness.round(3)
    for act in [*acts, ("rounds", 8)]:
        harness.play(act)
        for _ in range(act[1] if act[0] == "rounds" else 0):
            harness.round()
            verdict = harness.judge()
            if verdict.decision is Decision.CLOSE:
                assert has_evidence(harness), verdict.reason
                assert not any(ALERT in answer.alerts for answer in harness.history[-1].answers.values())


@settings(max_examples=100, deadline=None)
@given(acts=st.lists(ACTS, max_size=15))
def test_once_all_is_well_for_long_enough_what_is_gone_is_closed(acts: list[tuple[Any, ...]]) -> None:
    """Nothing that happened before keeps it open for good, where its cluster is known."""
    harness = Played(healing(cluster(match="__sender__ = eu"), **SETTINGS))
    for act in acts:
        harness.play(act)
        harness.round(act[1] if act[0] == "rounds" else 0)
    for url in PEERS:
        harness.errors.pop(url, None)
        harness.frozen.discard(url)
        harness.settled[url] = True
        harness.watchdogs[url] = {WATCHDOG: {"alertname": "Watchdog"}}
        harness.up_at[url] = min(harness.up_at[url], harness.now)
    harness.forget()
    harness.round(3 * 5 + 4 + 4)
    assert harness.judge().decision is Decision.CLOSE


def test_the_clusters_order_makes_no_difference() -> None:
    for urls in (PEERS, PEERS[::-1]):
        harness = ClusterHarness(healing(cluster("eu", *urls)))
        harness.round(10)
        harness.forget()
        harness.round(11)
        assert harness.judge().decision is Decision.CLOSE
