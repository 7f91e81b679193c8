"""What a history tells of what the gate lets go, but not as it was asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bridge.core.gate import Word
from bridge.core.history.entry import Entry, What, entry

if TYPE_CHECKING:
    from bridge.core.gate import Decision
    from bridge.model import UpdateKind


def judged(page: str, kind: UpdateKind, decision: Decision) -> Iterator[Entry]:
    """Why a write of that kind mails nobody, and what an observed budget would do with it."""
    for reason in decision.reasons:
        if reason.observed:
            decided = str(reason.word)
            yield entry(What.OBSERVED, once=True, page=page, update=str(kind), reason=reason.name, decision=decided)
        elif reason.word is Word.QUIET:
            yield entry(What.QUIET, once=True, page=page, update=str(kind), reason=reason.name)
