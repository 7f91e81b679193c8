from __future__ import annotations

from typing import Any

import pytest

from bridge.config.senders import PagerDuty
from bridge.senders.pagerduty.public_notes import read_public_note

SILENT = PagerDuty()
NOTES = PagerDuty(note_marker="PUBLIC:")
UPDATES = PagerDuty(status_updates=True)


def note(content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "incident_note", "content": content, "trimmed": False} | fields


def update(message: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "incident_status_update", "message": message, "trimmed": False} | fields


@pytest.mark.parametrize("meaning", [SILENT, UPDATES])
def test_notes_are_not_published_unless_asked_for(meaning):
    assert read_public_note(note("PUBLIC: We are on it."), meaning) is None


@pytest.mark.parametrize("meaning", [SILENT, NOTES])
def test_status_updates_are_not_published_unless_asked_for(meaning):
    assert read_public_note(update("PUBLIC: We are on it."), meaning) is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("PUBLIC: We are on it.", "We are on it."),
        ("  PUBLIC:We are on it.\n", "We are on it."),
        ("PUBLIC:\nFirst line.\nSecond line.", "First line. Second line."),
        ("PUBLIC: PUBLIC: twice", "PUBLIC: twice"),
        ("PUBLIC: see https://wiki.internal/x?y#z", "see"),
        ("PUBLIC:", None),
        ("PUBLIC: —", None),
        ("We are on it. PUBLIC: no", None),
        ("public: We are on it.", None),
        ("", None),
        (None, None),
        (7, None),
        ("Resolution Note: PUBLIC: rolled back", None),
        ("PUBLIC: Resolution Note: rolled back", None),
        ("PUBLIC: resolution  note: rolled back", None),
        ("PUBLIC: Resolu\u200btion Note: rolled back", None),
    ],
)
def test_a_note_is_published_only_with_the_marker_in_front(content, text):
    assert read_public_note(note(content), NOTES) == text


def test_the_marker_is_taken_literally():
    assert read_public_note(note("xx We are on it."), PagerDuty(note_marker=".*")) is None


def test_a_status_update_needs_no_marker():
    assert read_public_note(update("Fixed for most."), UPDATES) == "Fixed for most."
    assert read_public_note(update("Resolution Note: x"), UPDATES) is None
    assert read_public_note(update(None), UPDATES) is None


def test_a_text_that_pagerduty_cut_says_so():
    assert read_public_note(update("Fixed for", trimmed=True), UPDATES) == "Fixed for …"
    assert read_public_note(update("x" * 5000, trimmed=True), UPDATES) == "x" * 1997 + "… …"
    assert read_public_note(update("Fixed.", trimmed="yes"), UPDATES) == "Fixed."
