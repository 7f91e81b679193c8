from __future__ import annotations

import pytest
import redis

from bridge.store import Store
from bridge.store.connect import connect
from tests.unit.store.clock import Clock


@pytest.fixture
async def store(redis_url):
    opened = Store(connect(redis_url))
    yield opened
    await opened.close()


@pytest.fixture
def db(redis_url):
    """The test's own look into the database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def clock(db):
    return Clock(db)
