"""The way of an alert to the page, in six stations, and where it stopped: pure. For people who look for an alert.

What stands here is said to administrators alone: it quotes labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from bridge.config.schema import public_page
from bridge.config.units import format_duration
from bridge.core.gate import OPERATOR, TAKEN_OVER
from bridge.core.lifecycle import LEFT_TO_ANOTHER, NEVER_PUBLISHED, WITHHELD
from bridge.json_values import from_ms
from bridge.model import Phase, Post, Routed

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.model import Ignored, Incident

STATIONS: Final = ("delivered", "understood", "routed", "old enough", "allowed", "written")
_NOT_ALLOWED: Final = {LEFT_TO_ANOTHER, *WITHHELD.values()}
_A_SECOND: Final = 1_000


class State(StrEnum):
    """Whether an alert got past a station."""

    PASSED = "passed"
    STOPPED = "stopped"
    NOT_REACHED = "not reached"


class Station(Struct, frozen=True, kw_only=True):
    """One station: what happened there, and where it stopped the remedy."""

    station: str
    state: State
    why: str = ""
    remedy: str = ""


Way: TypeAlias = tuple[Station, ...]
"""All six, in their order."""
_Stop: TypeAlias = tuple[str, str]  # why, and what to do


def passed(*whys: str) -> list[Station]:
    """The first stations, which were all passed, with what is to be said of each."""
    return [
        Station(station=name, state=State.PASSED, why=why)
        for name, why in zip(STATIONS[: len(whys)], whys, strict=True)
    ]


def stopped(before: Sequence[Station], why: str, remedy: str, *, at: str = "") -> Way:
    """A way that ends at a station, by default the one after those ``before``."""
    index = STATIONS.index(at) if at else len(before)
    skipped = [Station(station=name, state=State.NOT_REACHED) for name in STATIONS[len(before) : index]]
    stop = Station(station=STATIONS[index], state=State.STOPPED, why=why, remedy=remedy)
    rest = [Station(station=name, state=State.NOT_REACHED) for name in STATIONS[index + 1 :]]
    return (*before, *skipped, stop, *rest)


def way_to_nowhere(routed: Routed | Ignored, why: str, remedy: str) -> Way:
    """Nothing of it was delivered, as far as is known; where it would be routed to by its labels."""
    delivered, understood, _, *rest = stopped((), why, remedy)
    if isinstance(routed, Routed):
        there = Station(station="routed", state=State.PASSED, why=f"it would count for incident {routed.id}")
    else:
        there = Station(station="routed", state=State.STOPPED, why=f"it would not be published ({routed.reason})")
    return delivered, understood, there, *rest


def way_of_incident(
    incident: Incident, config: Config, now: int, *, paused: str | None, delivered: str, why: str, is_held: bool = False
) -> Way:
    """The way of an alert that this incident counts. ``paused``: why every write waits, if it does."""
    before = passed(delivered, "", why or f'route "{incident.route}"')
    stop = _too_young(incident, config, now, is_held=is_held)
    if stop is not None:
        return stopped(before, *stop)
    age = f"it fired for longer than publish_after ({_publish_after(incident, config)})"
    before = [*before, Station(station="old enough", state=State.PASSED, why=age)]
    stop = _first(_withheld(incident))
    if stop is not None:
        return stopped(before, *stop)
    before = [*before, Station(station="allowed", state=State.PASSED, why="nothing withholds it")]
    stop = _first(_not_written(incident, config, paused))
    if stop is not None:
        return stopped(before, *stop)
    shown = "; ".join(f"{public_page(page)}: {_shown(post)}" for page, post in _posts(incident))
    return *before, Station(station="written", state=State.PASSED, why=shown)


def _shown(post: Post) -> str:
    """What was written last, and what the page showed when it was last looked at."""
    written = f"{post.status} ({post.remote_id})"
    if post.observed is None:
        return written
    return f"{written}, seen as {post.observed.status} at {from_ms(post.observed.at)}"


def _publish_after(incident: Incident, config: Config) -> str:
    return format_duration(config.policy_of(incident.route).publish_after_ms)


def _too_young(incident: Incident, config: Config, now: int, *, is_held: bool) -> _Stop | None:
    summary, progress = incident.summary, incident.progress
    if progress.phase is Phase.DISCARDED:
        remedy = f"Nothing, if so short an outage is none. Else lower publish_after of the route ({incident.route})."
        return progress.note or "it cleared before anything was to be published", remedy
    if is_held or (progress.phase is Phase.PENDING and summary.held and not summary.firing):
        hold = format_duration(config.policy_of(incident.route).hold_refire_ms)
        why = f"held: it fired right after its own resolve, with an unchanged start; trusted after at most {hold}"
        return why, "Wait. If that is too long, lower hold_refire."
    if progress.phase is not Phase.PENDING:
        return None
    if not summary.firing:
        return "it cleared before anything was to be published", "Nothing, if so short an outage is none."
    left_ms = summary.firing_since + config.policy_of(incident.route).publish_after_ms - now
    if left_ms <= 0:
        return None
    left = format_duration(max(left_ms // _A_SECOND, 1) * _A_SECOND)
    why = f"not yet: it is published in {left} unless it clears (publish_after: {_publish_after(incident, config)})"
    return why, f"Wait. If that is too long, lower publish_after of the route ({incident.route})."


def _withheld(incident: Incident) -> Iterator[_Stop]:
    note = incident.progress.note
    if note in _NOT_ALLOWED:
        yield (
            f"{note}; it is over",
            "Nothing any more. If it should have been public, see the budgets or the other writer.",
        )
    for page, post in incident.progress.posts.items():
        if not incident.progress.is_ongoing(post):
            continue
        where = public_page(page)
        if post.second_writer:
            yield (
                f"{where}: {post.second_writer}, which the bridge did not open, is open for the same service",
                "Resolve that one on Checkly, or leave it if it is about this outage (runbook BridgeSecondWriter).",
            )
        elif post.withheld is not None and post.withheld.reason in {OPERATOR, TAKEN_OVER}:
            by, since = post.withheld.by, from_ms(post.withheld.since)
            yield (
                f"{where}: kept back by {by} since {since}: {post.withheld.detail}",
                f"Ask {by}. An operator may release it, or hand it back.",
            )
        elif post.withheld is not None:
            since = from_ms(post.withheld.since)
            yield (
                f"{where}: withheld for {post.withheld.reason} since {since}: {post.withheld.detail}",
                "See `bridge budgets show`; raise the budget if it is too small (runbook BridgeBudgetTripped).",
            )


def _not_written(incident: Incident, config: Config, paused: str | None) -> Iterator[_Stop]:
    progress = incident.progress
    if progress.note == NEVER_PUBLISHED:
        yield progress.note, "Nothing any more. See why Checkly was out of reach (runbook BridgeOutageMissed)."
    elif paused is not None:
        yield f"every write waits: {paused}", "Check CHECKLY_API_KEY and the account (runbook BridgeWritesPaused)."
    posts = list(_posts(incident))
    for page, post in posts:
        stop = _in_the_way(post, is_ongoing=progress.is_ongoing(post))
        if stop is not None:
            yield f"{public_page(page)}: {stop[0]}", stop[1]
    pages = {page for name in incident.summary.services for page in _pages_of(name, config)}
    missing = sorted(pages - {page for page, post in posts if post.remote_id})
    if missing and progress.phase in {Phase.PENDING, Phase.INVESTIGATING, Phase.IDENTIFIED}:
        yield (
            f"{', '.join(map(public_page, missing))}: not written yet",
            "Wait some seconds. If it stays so, no reconciler runs (runbook BridgeIncidentOverdue).",
        )
    if not pages and not posts:
        yield "no page of the configuration shows its services", "Give the services a page: `bridge check --online`."


def _in_the_way(post: Post, *, is_ongoing: bool) -> _Stop | None:
    """What stands against what is to be written on a page; what once did is none of it."""
    if post.theirs_at is not None:
        return (
            f"somebody opened it again by hand at {from_ms(post.theirs_at)}: its end is up to them",
            "Resolve it on Checkly when it is over.",
        )
    if post.closed_at is not None:
        return (
            f"somebody ended it on the page or by `resolve`, or deleted it, seen at {from_ms(post.closed_at)}",
            "Nothing, if that was meant: it stays closed until all of its alerts have cleared.",
        )
    if not is_ongoing:
        return None
    if post.retry.parked is not None:
        return (
            f"Checkly refuses the write: {post.retry.parked}",
            "Correct what it names; the bridge tries again every ten minutes (runbook BridgeIncidentsParked).",
        )
    if post.intent is not None and post.intent.unknown_at is not None:
        return "an answer of Checkly's got lost: the bridge looks whether the write arrived", "Wait a minute."
    if post.retry.attempts:
        again = f", the next at {from_ms(post.retry.at)}" if post.retry.at else ""
        return (
            f"{post.retry.attempts} tries failed in a row{again}",
            "See `write_retried` in the log (runbook BridgeNotDelivering).",
        )
    return None


def _posts(incident: Incident) -> Iterator[tuple[str, Post]]:
    """Those that stand on a page, or are to."""
    for page, post in incident.progress.posts.items():
        if post.remote_id or incident.progress.is_ongoing(post):
            yield page, post


def _pages_of(name: str, config: Config) -> Sequence[str]:
    service = config.services.get(name)
    return () if service is None else service.pages


def _first(stops: Iterator[_Stop]) -> _Stop | None:
    return next(stops, None)
