"""Reading the ``pagerduty`` section: what PagerDuty's events mean for the status page."""

from __future__ import annotations

from typing import Final

from bridge.config.schema import PagerDuty
from bridge.config.yaml_node import Value, read

RESOLUTION_NOTE: Final = "resolution note:"

_CHOICES = {
    "open_on": ("triggered", "acknowledged"),
    "acknowledged": ("ignore", "identified"),
    "resolve_by": ("anyone", "person"),
    "merge_unknown_target": ("keep_open", "resolve"),
}


def read_pagerduty(value: Value) -> PagerDuty:
    """The section, with the first choice of each key where it says nothing."""
    fields = value.fields((*_CHOICES, "notes", "status_updates"))

    def choice(key: str) -> str:
        valid = _CHOICES[key]
        return read(fields, key, lambda value: value.choice(valid), valid[0])

    return PagerDuty(
        open_on=choice("open_on"),
        acknowledged=choice("acknowledged"),
        resolve_by=choice("resolve_by"),
        merge_unknown_target=choice("merge_unknown_target"),
        note_marker=read(fields, "notes", _read_marker, None),
        status_updates=read(fields, "status_updates", Value.boolean, default=False),
    )


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
