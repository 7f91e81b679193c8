"""What is kept of an alert for operators is bounded, and leads to the sender's page."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
import pytest

from bridge.core.told import MOST_LABEL_BYTES, MOST_NAME_BYTES, Told, link, told

BASES = {"id": "https://alerts.example/team"}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("HighErrors", "HighErrors"),
        ("", ""),
        ("Disk full\r\non\tweb-1\x00\x1b[31m", "Disk full on web-1 [31m"),
        ("Disk  full\u2028now", "Disk  full now"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "x" * 125 + "…"),
        ("ä" * 65, "ä" * 62 + "…"),
        ("🦘" * 40, "🦘" * 31 + "…"),
        ("x" * 1_000_000, "x" * 125 + "…"),
        (" " * 1_000_000, "…"),
    ],
)
def test_a_name_is_one_line_cut_at_a_character(name, kept):
    assert told(name, {}, "", "").name == kept
    assert len(kept.encode()) <= MOST_NAME_BYTES


def test_labels_are_kept_in_their_order_as_far_as_there_is_room_and_the_rest_is_counted():
    labels = {"alertname": "Down", "a": "x" * 300, "long": "y" * 300, "b": "z", "none": "", "huge": "x" * 1_000_000}
    found = told("Down", labels, "", "")
    assert found.labels == {"a": "x" * 300, "b": "z"}
    assert found.dropped == 2


@pytest.mark.parametrize("char", ["\x01", '"', "\\", "ä", "🦘", "\u202e", "x"])
def test_labels_are_measured_as_they_are_stored(char):
    found = told("", {f"{number}{char}": char * 20 for number in range(100)}, "", "")
    assert 0 < len(msgspec.json.encode(found.labels)) <= MOST_LABEL_BYTES
    assert len(found.labels) + found.dropped == 100


def test_a_name_that_was_cut_is_a_label_too():
    assert told("x" * 130, {"alertname": "x" * 130}, "", "").labels == {"alertname": "x" * 130}


def test_a_link_leads_to_the_alerts_with_these_labels():
    kept = Told("Down", {"job": 'a"b\\c\nd', "__receiver__": "bridge", "pod.name": "x"}, 0, "id")
    found = link(kept, BASES) or ""
    base, _, filtered = found.partition("?filter=")
    assert base == "https://alerts.example/team/#/alerts"
    assert unquote(filtered) == '{alertname="Down",job="a\\"b\\\\c\\nd"}'
    assert filtered.isascii()
    assert not set(filtered) & set('"{} #&')


def test_a_link_filters_by_no_name_that_was_cut():
    assert link(Told("Dow…", {}, 0, "id"), BASES) == "https://alerts.example/team/#/alerts"
    assert "whole" in (link(Told("Dow…", {"alertname": "whole"}, 0, "id"), BASES) or "")


def test_a_link_with_a_tail_is_that_page():
    assert link(Told("Down", {"a": "b"}, 0, "id", "Q1"), BASES) == "https://alerts.example/team/Q1"


def test_a_link_whose_base_is_forgotten_is_none():
    assert link(Told("Down", {}, 0, "other"), BASES) is None
    assert link(Told("Down"), BASES) is None
