from __future__ import annotations

import pytest

from bridge.json_values import at, to_ms
from bridge.senders.fields import instant, items, text

DATA = {
    "a": {"b": " x ", "n": 1, "e": " ", "l": [1], "z": None},
    "t": "2026-01-02T03:04:05.678Z",
    "zero": "0001-01-01T00:00:00Z",
}


@pytest.mark.parametrize("path", [("x",), ("a", "x"), ("a", "b", "c"), ("a", "l", "0"), ("a", "z"), ("a", "z", "y")])
def test_a_path_that_leads_nowhere(path):
    assert at(DATA, *path) is None
    assert text(DATA, *path) is None
    assert items(DATA, *path) == []
    assert instant(DATA, *path) is None


def test_fields_of_the_expected_type_are_read():
    assert at(DATA, "a", "n") == 1
    assert text(DATA, "a", "b") == "x"
    assert items(DATA, "a", "l") == [1]
    assert instant(DATA, "t") == to_ms("2026-01-02T03:04:05.678Z")


def test_a_field_of_another_type_counts_as_missing():
    assert (text(DATA, "a", "n"), text(DATA, "a"), text(DATA, "a", "e")) == (None, None, None)
    assert items(DATA, "a") == []
    assert (instant(DATA, "a", "n"), instant(DATA, "a", "b"), instant(DATA, "zero")) == (None, None, None)
