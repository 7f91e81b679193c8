"""Whether an incident flaps: its alerts come and go so often that the public is told once. Pure.

    fires for the `returns`-th time within `within` --> flaps --something, or nothing, fires for `settle`--> calm

Nothing of this is recorded: it follows from the spans in which something fired, which the store keeps, and from the
clock. So it comes right by itself, whichever release has recorded progress, and ends by the clock alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.flap import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.flap import Flap
    from bridge.model import Policy, Summary


class Flapping(Struct, frozen=True, kw_only=True):
    """How an incident flaps as of now; ``Flapping()`` where it does not.

    While nothing fires, ``is_on`` says how it was when something last did: the lifecycle ends it after ``settle_ms``.
    ``has_returned``: what fires now, or fired last, began or went on with it. ``calm_at`` is when something will have
    fired for so long that it flaps no more. ``blips_ms`` is how long it fired in the short spans before this one that
    count towards ``publish_after``.
    """

    is_on: bool = False
    has_returned: bool = False
    settle_ms: int = 0
    calm_at: int | None = None
    blips_ms: int = 0


CALM = Flapping()


def flapping(summary: Summary, policy: Policy, now: int, *, retention_ms: int) -> Flapping:
    """How an incident with these facts flaps under its route's policy. After ``retention_ms`` a return is forgotten."""
    flap = policy.flap
    if flap is None or not summary.earlier:
        return CALM
    last = Span(summary.firing_since, now if summary.firing else summary.cleared_at)
    within_ms = min(flap.within_ms, retention_ms)
    blips_ms = _blips_ms(summary.earlier, last, within_ms, policy) if flap.blips == "publish" else 0
    if not _has_returned((*summary.earlier, last), within_ms, flap, policy):
        return Flapping(blips_ms=blips_ms)
    is_on = last.ms < flap.settle_ms
    return Flapping(
        is_on=is_on,
        has_returned=True,
        settle_ms=flap.settle_ms if is_on else 0,
        calm_at=last.since + flap.settle_ms if is_on and summary.firing else None,
        blips_ms=blips_ms,
    )


def quiet_ms(summary: Summary, policy: Policy, now: int, *, retention_ms: int) -> int:
    """How long nothing of an incident with these facts must fire until it is over."""
    return max(policy.resolve_after_ms, flapping(summary, policy, now, retention_ms=retention_ms).settle_ms)


def _has_returned(spans: Sequence[Span], within_ms: int, flap: Flap, policy: Policy) -> bool:
    """Whether it flapped as the last of these spans began."""
    quiet_ms = max(flap.settle_ms, policy.resolve_after_ms)
    flaps, before = False, spans[0]
    for nth, span in enumerate(spans):
        was_calm = before.ms >= flap.settle_ms or span.since > before.until + quiet_ms
        returns = sum(each.since > span.since - within_ms for each in spans[: nth + 1])
        flaps = (flaps and not was_calm) or returns >= flap.returns
        before = span
    return flaps


def _blips_ms(earlier: Sequence[Span], last: Span, within_ms: int, policy: Policy) -> int:
    """How long it fired, within that time before the last span, in spans too short to be published by themselves."""
    begin = last.since - within_ms
    short = (each for each in earlier if each.ms < policy.publish_after_ms)
    return sum(max(0, each.until - max(each.since, begin)) for each in short)
