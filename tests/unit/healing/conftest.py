from __future__ import annotations

import pytest
import redis

from tests.unit.healing.rounds_harness import RoundsHarness


@pytest.fixture
def db(redis_url):
    """The test's own look into the database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def harness(redis_url, db):
    opened = RoundsHarness(redis_url, db)
    yield opened
    await opened.close()
