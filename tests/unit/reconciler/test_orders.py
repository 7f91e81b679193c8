"""What operators order of an incident that stands on a page, or is tried to, on a page that fails by script."""

from __future__ import annotations

import pytest

from bridge.core.outcomes import PARK_RETRY_MS
from tests.unit.reconciler.page import Outcome
from tests.unit.reconciler.page_harness import MINUTE, SECOND, published

pytestmark = pytest.mark.usefixtures("generation")


def test_what_is_parked_is_tried_at_once_and_once() -> None:
    harness = published(Outcome.REJECTED, Outcome.REJECTED)
    harness.after(MINUTE)
    assert (bool(harness.post.retry.parked), harness.post.retry.attempts) == (True, 1)
    harness.order("retry")
    assert harness.post.retry.attempts == 2
    assert harness.store.orders.retry is None
    harness.after(PARK_RETRY_MS - SECOND)
    assert harness.post.retry.parked
    harness.after(2 * SECOND)
    assert harness.post.remote_id
