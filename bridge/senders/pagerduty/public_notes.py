"""Which of PagerDuty's notes and status updates are meant for the public, and what is published of them.

Both are written for colleagues first, so neither is published unless the configuration says so, and a note only if
its author starts it with the marker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.config.sections.pagerduty import RESOLUTION_NOTE
from bridge.json_values import at
from bridge.senders.fields import text
from bridge.texts.sanitize import public_words
from bridge.texts.template import MAX_CHARS

if TYPE_CHECKING:
    from bridge.config.senders import PagerDuty

_CUT = " …"  # PagerDuty shortens long texts and says so


def read_public_note(data: Any, meaning: PagerDuty) -> str | None:
    """The text to publish of an event's ``data``, tidied; None if nothing of it is meant to be published."""
    words = _marked(data, meaning) if text(data, "type") == "incident_note" else _update(data, meaning)
    tidy = public_words(words or "", MAX_CHARS - len(_CUT))
    if not tidy or tidy.casefold().startswith(RESOLUTION_NOTE):
        return None
    return tidy + _CUT if at(data, "trimmed") is True else tidy


def _marked(data: Any, meaning: PagerDuty) -> str | None:
    content = text(data, "content")
    if content is None or meaning.note_marker is None or not content.startswith(meaning.note_marker):
        return None
    return content.removeprefix(meaning.note_marker).strip()


def _update(data: Any, meaning: PagerDuty) -> str | None:
    return text(data, "message") if meaning.status_updates else None
