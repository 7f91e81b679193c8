"""Reading the ``pagerduty`` section: what PagerDuty's events mean for the status page."""

from __future__ import annotations

from typing import Final

from bridge.config.senders import PagerDuty
from bridge.config.settings import read_section
from bridge.config.yaml_node import Value, read

RESOLUTION_NOTE: Final = "resolution note:"


def read_pagerduty(value: Value) -> PagerDuty:
    """The section, with the defaults where it says nothing."""
    return read_section(value, PagerDuty(), note_marker=_read_marker)


def _read_marker(value: Value) -> str | None:
    return read(value.fields(("marker",), required=("marker",)), "marker", _read_words, None)


def _read_words(value: Value) -> str | None:
    """A marker that PagerDuty itself never starts a note with, as it does where a resolution has one."""
    expected = "the text that public notes start with, such as PUBLIC:"
    marker = value.text(expected)
    if marker is None:
        return None
    if marker != marker.strip():
        value.problem("the marker begins or ends with space", expected=expected)
    elif RESOLUTION_NOTE.startswith(marker.casefold()) or marker.casefold().startswith(RESOLUTION_NOTE):
        value.problem("the note of every resolution starts like this", expected=expected)
    return marker
