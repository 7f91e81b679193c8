"""Who finds no connection free waits for one, and every connection comes back."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bridge.store.pool import WaitingPool
from tests.servers import free_ports


@pytest.fixture
async def pool(redis_url):
    pool = WaitingPool.from_url(redis_url, max_connections=1, timeout=5.0)
    yield pool
    await pool.aclose()


async def test_who_waits_is_served_in_turn(pool):
    taken = await pool.get_connection()
    served: list[int] = []

    async def wait(number: int) -> None:
        connection = await pool.get_connection()
        served.append(number)
        await pool.release(connection)

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert not served
    await pool.release(taken)
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2]


async def test_in_vain_no_longer_than_the_timeout(redis_url):
    pool = WaitingPool.from_url(redis_url, max_connections=1, timeout=0.01)
    taken = await pool.get_connection()
    with pytest.raises(RedisConnectionError, match="no connection became free"):
        await pool.get_connection()
    await pool.release(taken)
    await pool.release(await pool.get_connection())
    await pool.aclose()


async def test_one_that_cannot_be_made_leaves_its_place_to_the_next():
    (port,) = free_ports(1)
    pool = WaitingPool.from_url(f"redis://127.0.0.1:{port}", max_connections=1, timeout=0.01)
    for _ in range(3):
        with pytest.raises(RedisConnectionError, match=r"Connect call failed|Connection refused"):
            await pool.get_connection()


async def test_who_gives_up_waiting_takes_nobodys_place(pool):
    taken = await pool.get_connection()
    impatient = asyncio.create_task(pool.get_connection())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    await pool.release(taken)
    assert await Redis(connection_pool=pool).ping()
