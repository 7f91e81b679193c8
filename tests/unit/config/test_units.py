from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.units import duration_ms, format_duration, size_bytes


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 500),
        ("90s", 90_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1d2h30m", 95_400_000),
        ("1w", 604_800_000),
        ("1y", 31_536_000_000),
        ("1m1ms", 60_001),
    ],
)
def test_durations_are_prometheus(text, milliseconds):
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "1", "-5m", "1.5h", "5 m", "30m1h", "1h1h", "5m\n", "٣m", "m", "1e3s", "293y", "9" * 9999 + "s"],
)
def test_what_prometheus_refuses_is_no_duration(text):
    assert duration_ms(text) is None


@given(st.integers(0, 9 * 10**12))
def test_a_formatted_duration_reads_back(milliseconds):
    assert duration_ms(format_duration(milliseconds)) == milliseconds


def test_formatting_is_short():
    assert format_duration(90_000) == "1m30s"
    assert format_duration(0) == "0"


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("10B", 10), ("512KiB", 524_288), ("16MiB", 16_777_216), ("2GiB", 1 << 31)]
)
def test_sizes_are_read_with_their_units(text, size):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "16MB", "16 MiB", "1.5MiB", "-1", "16mib", "1\n"])
def test_what_is_not_a_size_is_a_mistake(text):
    assert size_bytes(text) is None
