"""Which of PagerDuty's incidents to ask about, when, and what is remembered of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.json_values import from_ms

MISSING_TIMES: Final = 3
MISSING_WITHIN_MS: Final = 3_600_000
MISSING_EVERY_MS: Final = 1_200_000  # so that three times fit into the hour


class OpenAlert(Struct, frozen=True, kw_only=True):
    """An alert that counts as firing here: its fingerprint is the incident's id.

    ``seen_at`` is when it was last heard of, by the store's clock, ``observed_at`` of when that told, by PagerDuty's.
    ``part_of`` is the incident that it was merged into, empty if it was not.
    """

    fingerprint: str
    seen_at: int
    observed_at: int
    part_of: str = ""

    @property
    def decided_by(self) -> str:
        """The incident whose end ends it. One that was merged into who knows what is asked itself."""
        return self.part_of if self.part_of.isalnum() else self.fingerprint


class Asked(Struct, frozen=True, array_like=True):
    """What is remembered of the questions about one incident; 0: never. Stored, so that another replica goes on.

    ``answered_at`` is when PagerDuty last gave an answer that counts, ``tried_at`` when it was last asked, ``missing``
    are the times of the last hour at which it knew no such incident; ``is_told``: so the log has said.
    """

    answered_at: int = 0
    tried_at: int = 0
    missing: tuple[int, ...] = ()
    is_told: bool = False

    def tried(self, now: int) -> Asked:
        """It is asked now."""
        return replace(self, tried_at=now)

    def answered(self, now: int) -> Asked:
        """PagerDuty has shown it."""
        return Asked(answered_at=now, tried_at=now)

    def missed(self, now: int) -> Asked:
        """PagerDuty knows no such incident."""
        recent = (*(at for at in self.missing if at > now - MISSING_WITHIN_MS), now)
        return replace(self, answered_at=now, tried_at=now, missing=recent[-MISSING_TIMES:])

    @property
    def is_missing(self) -> bool:
        """Whether PagerDuty has said so often enough to tell somebody. It proves no end: nothing is closed by it."""
        return len(self.missing) >= MISSING_TIMES


NEVER_ASKED: Final = Asked()


class Question(Struct, frozen=True, kw_only=True):
    """An incident to ask about, for whose sake, and from when on; ``is_told``: the log has said what it is answered."""

    id: str
    alerts: tuple[OpenAlert, ...]
    due_at: int
    is_told: bool = False

    @property
    def known_at(self) -> int:
        """Of when is what is known here, by PagerDuty's clock."""
        return max(alert.observed_at for alert in self.alerts)


def evidence(ended_at: int, asked_at: int, known_at: int) -> str:
    """Why what PagerDuty shows ends an alert: when it ended, and of when is the last that its webhooks told."""
    ended, asked, known = map(_time, (ended_at, asked_at, known_at))
    return f"PagerDuty showed at {asked} that it was resolved at {ended}; its webhooks told nothing since {known}"


def standing(alert: OpenAlert, asked: Asked, *, interval_ms: int) -> str:
    """What becomes of an alert as things are, and why: what PagerDuty said last of the incident that decides it."""
    whose = "it" if alert.decided_by == alert.fingerprint else "the incident that it was merged into"
    if asked.is_missing:
        return f"not: PagerDuty does not know {whose}, which proves no end"
    if asked.is_told:
        return f"close: PagerDuty showed {whose} resolved at {_time(asked.answered_at)}"
    if asked.answered_at > alert.seen_at and not asked.missing:
        return f"wait: PagerDuty showed {whose} open at {_time(asked.answered_at)}"
    asked_at = _time(_due_at([alert], asked, interval_ms))
    return f"wait: heard of at {_time(alert.seen_at)}; PagerDuty is asked about {whose} from {asked_at} on"


def _time(at: int) -> str:
    return f"{from_ms(at)[11:19]}Z"


def questions(alerts: Iterable[OpenAlert], asked: Mapping[str, Asked], *, interval_ms: int) -> list[Question]:
    """One question for each incident that decides about alerts; those that were tried last come last."""
    by_id: dict[str, list[OpenAlert]] = {}
    for alert in alerts:
        by_id.setdefault(alert.decided_by, []).append(alert)
    found = []
    for id_, group in by_id.items():
        known = asked.get(id_, NEVER_ASKED)
        due_at = _due_at(group, known, interval_ms)
        found.append(Question(id=id_, alerts=tuple(group), due_at=due_at, is_told=known.is_told))
    return sorted(found, key=lambda each: (asked.get(each.id, NEVER_ASKED).tried_at, each.due_at, each.id))


def _due_at(group: Iterable[OpenAlert], asked: Asked, interval_ms: int) -> int:
    """When nothing has been heard of it for the interval, from webhooks or by asking."""
    every_ms = min(interval_ms, MISSING_EVERY_MS) if asked.missing else interval_ms
    return max(asked.answered_at, *(alert.seen_at for alert in group)) + every_ms
