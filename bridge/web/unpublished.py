"""What was not published, remembered for people: folded into groups in this process, written once a second.

A delivery waits for none of it, and an alert that is published costs nothing. A process that is killed loses what it
folded within the last second.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.told import short_name
from bridge.model import AlertStatus, Ignored
from bridge.store import MOST_GROUPS, REFUSED, Change, Example, StoreUnavailable, Unpublished, UnpublishedGroup
from bridge.telemetry import Event, log
from bridge.web.delivery_report import IGNORED, Decision, Origin, outcome_of

if TYPE_CHECKING:
    from bridge.model import Alert
    from bridge.senders.delivery import Delivery

REASONS: Final = ("unmatched", "ignored", "unknown_service", "unusable", "stale", *REFUSED)
"""The outcomes of alerts that were not published, and are remembered. A watchdog is heard, and is none of them."""

FLUSH_S = 1.0
LOGGED_AGAIN_MS = 3_600_000
_OF_A_REASON = 125  # groups that have room whatever the other reasons take
_LINES_A_FLUSH, _LINES_AN_HOUR = 10, 125  # of each reason: no flood hides what else there is
_LAST_FLUSH_S = 2.0
_INDEX = re.compile(r"\[\d+\]")

_Found: TypeAlias = tuple[Unpublished, Example]


class GroupStore(Protocol):
    """What is needed of the store. Raises StoreUnavailable."""

    async def add(self, groups: Sequence[UnpublishedGroup], *, now: int, left_out: int) -> None:
        """Fold groups into those that are kept; so many alerts more belong to none of them."""
        ...


class _Pending(Struct):
    """A group of this process that is still to be written."""

    count: int
    first_at: int
    last_at: int
    example: Example


class UnpublishedFold:
    """Folds alerts into groups until they are written. ``wall_ms`` is since the epoch.

    There are at most 1,000 groups, beyond which each reason may still have 125. While Redis is away, it goes on
    folding; what finds no room is only counted.
    """

    def __init__(
        self,
        store: GroupStore,
        *,
        wall_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._wall_ms = wall_ms
        self._sleep = sleep
        self._groups: dict[Unpublished, _Pending] = {}
        self._of_reason: Counter[str] = Counter()
        self._left_out = 0
        self._logged_at: dict[Unpublished, int] = {}
        self._is_something_new = asyncio.Event()

    def fold(
        self,
        origin: Origin,
        delivery: Delivery,
        ignored: Sequence[tuple[Alert, Ignored]],
        stored: Sequence[tuple[Decision, Change]],
        *,
        keeps_words: bool,
    ) -> None:
        """Remember what of this delivery was not published; unless it ``keeps_words``, without names and values."""
        now = self._wall_ms()
        for about, example in _found(origin, delivery, ignored, stored):
            kept = about if keeps_words else replace(about, name="", value="")
            self._add(kept, _Pending(1, now, now, example))
        self._is_something_new.set()

    async def watch(self) -> None:
        """Write, at most once a second, until canceled."""
        while True:
            await self._is_something_new.wait()
            await self._sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what there is; what cannot be written is kept for the next time. Raises nothing."""
        self._is_something_new.clear()
        groups, left_out = self._groups, self._left_out
        if not groups:
            return
        self._groups, self._of_reason, self._left_out = {}, Counter(), 0
        now = self._wall_ms()
        self._log_new(groups, now)
        packed = [
            UnpublishedGroup(
                about=about, count=each.count, first_at=each.first_at, last_at=each.last_at, example=each.example
            )
            for about, each in groups.items()
        ]
        try:
            await self._store.add(packed, now=now, left_out=left_out)
        except StoreUnavailable:  # readiness says so, and deliveries
            self._take_back(groups, left_out)
        except asyncio.CancelledError:
            self._take_back(groups, left_out)
            raise

    def _take_back(self, groups: dict[Unpublished, _Pending], left_out: int) -> None:
        """What was not written has its place before what came meanwhile."""
        newer, self._groups = self._groups, groups
        self._of_reason = Counter(about.reason for about in groups)
        self._left_out += left_out
        for about, each in newer.items():
            self._add(about, each)
        self._is_something_new.set()

    async def flush_last(self) -> None:
        """Write what there is before the process ends, within two seconds."""
        try:
            async with asyncio.timeout(_LAST_FLUSH_S):
                await self.flush()
        except TimeoutError:
            return

    def _add(self, about: Unpublished, more: _Pending) -> None:
        known = self._groups.get(about)
        if known is not None:
            known.count += more.count
            known.last_at, known.example = more.last_at, more.example
        elif len(self._groups) < MOST_GROUPS or self._of_reason[about.reason] < _OF_A_REASON:
            self._groups[about] = more
            self._of_reason[about.reason] += 1
        else:
            self._left_out += more.count

    def _log_new(self, groups: dict[Unpublished, _Pending], now: int) -> None:
        """One line for each group an hour, without the sender's words; of a flood, the first ones."""
        self._logged_at = {about: at for about, at in self._logged_at.items() if now - at < LOGGED_AGAIN_MS}
        lines, lines_an_hour = Counter[str](), Counter(about.reason for about in self._logged_at)
        for about in [each for each in groups if each not in self._logged_at]:
            reason = about.reason
            if lines[reason] == _LINES_A_FLUSH or lines[reason] + lines_an_hour[reason] >= _LINES_AN_HOUR:
                continue
            lines[reason] += 1
            self._logged_at[about] = now
            example = groups[about].example
            log(
                Event.ALERT_NOT_PUBLISHED,
                source=example.source,
                **({"sender": example.sender} if example.sender else {}),
                fingerprint=example.fingerprint or None,
                reason=reason,
                route=about.route or None,
            )


def _found(
    origin: Origin,
    delivery: Delivery,
    ignored: Sequence[tuple[Alert, Ignored]],
    stored: Sequence[tuple[Decision, Change]],
) -> Iterator[_Found]:
    """What of a delivery was not published. An end is none of it: it publishes nothing."""
    for each in delivery.unusable:
        detail = f"{_INDEX.sub('[]', each.path)}: {each.problem}"
        about = Unpublished("unusable", name=short_name(each.name), detail=detail)
        yield about, Example(origin.source, origin.sender, each.fingerprint)
    for alert, decision in ignored:
        if decision.watchdog is None:
            yield _of_ignored(alert, decision)
    for (alert, decided), change in stored:
        reason = outcome_of(decided, change)
        if reason not in REASONS or alert.status is AlertStatus.RESOLVED:
            continue
        if isinstance(decided, Ignored) and reason == IGNORED[decided.reason]:
            yield _of_ignored(alert, decided)
        else:
            yield Unpublished(reason, decided.route, short_name(alert.name)), _example(alert)


def _of_ignored(alert: Alert, decided: Ignored) -> _Found:
    reason = IGNORED[decided.reason]
    return Unpublished(reason, decided.route, short_name(alert.name), decided.label, decided.value), _example(alert)


def _example(alert: Alert) -> Example:
    return Example(alert.source, alert.sender, alert.fingerprint)
