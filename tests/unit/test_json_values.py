from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.json_values import from_ms, to_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T18:47:07Z", 1_795_459_627_000),
        ("2026-11-23T18:47:07.1Z", 1_795_459_627_100),
        ("2026-11-23T18:47:07.099446463Z", 1_795_459_627_099),
        ("2026-11-23T18:47:07.999999999Z", 1_795_459_627_999),
        ("2026-11-24T02:47:07+08:00", 1_795_459_627_000),
        ("2026-11-23T15:17:07.5-03:30", 1_795_459_627_500),
        ("2026-11-23t18:47:07z", 1_795_459_627_000),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ],
)
def test_reads_every_form_that_senders_use(text, at):
    assert to_ms(text) == at


@pytest.mark.parametrize("text", ["", "now", "2026-11-23", "2026-11-23T18:47:07", "2026-13-01T00:00:00Z", "1795459627"])
def test_refuses_what_is_no_instant(text):
    with pytest.raises(ValueError, match=r"."):
        to_ms(text)


@given(
    st.integers(min_value=-62_135_596_800, max_value=253_402_300_799),
    st.text("0123456789", max_size=9),
    st.integers(min_value=-23 * 60 - 59, max_value=23 * 60 + 59),
)
def test_is_exact_for_any_instant_fraction_and_offset(seconds, fraction, offset_minutes):
    zone = timezone(timedelta(minutes=offset_minutes))
    try:
        local = (EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    except OverflowError:  # an offset at the very ends of the calendar
        return
    text = local.isoformat()
    if fraction:
        text = f"{text[:19]}.{fraction}{text[19:]}"
    assert to_ms(text) == seconds * 1000 + int(fraction.ljust(3, "0")[:3])


@given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
def test_writing_and_reading_are_inverse(at):
    text = from_ms(at)
    assert text.endswith("Z")
    assert to_ms(text) == at


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999999-14:00"])
def test_an_instant_that_could_not_be_written_again_is_refused(text):
    with pytest.raises(ValueError, match="no year"):
        to_ms(text)
