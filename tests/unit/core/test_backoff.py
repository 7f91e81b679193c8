"""Waits after failures grow to a bound, and spread apart."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.backoff import backoff_ms

backoff = partial(backoff_ms, first_ms=500, longest_ms=8_000)


@given(doublings=st.integers(0, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_a_wait_grows_to_a_bound_and_is_never_less_than_half_of_it(doublings: int, jitter: float) -> None:
    ceiling = min(8_000, 500 * 2 ** min(doublings, 10))
    assert ceiling // 2 <= backoff(doublings, jitter) <= ceiling
    assert backoff(doublings, jitter) <= backoff(doublings + 1, jitter)


def test_failed_audits_space_out_to_a_quarter_of_an_hour() -> None:
    audits = partial(backoff_ms, first_ms=5_000, longest_ms=900_000)
    assert [audits(doublings, 0.999) for doublings in (0, 1, 2)] == pytest.approx([5_000, 10_000, 20_000], rel=0.01)
    assert audits(999, 0.0) == 450_000
