"""Sentinels and a cluster: the client finds the server that has the keys, and leaves the one that has them no more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import redis
from redis.asyncio import Redis as Client

from bridge.store import Store, StoreUnavailable
from bridge.store.connect import connect
from bridge.store.discovery import Directory
from tests.servers import Redis, eventually
from tests.servers.sentinel import SERVICE, Sentinel
from tests.unit.store.builders import LEASE_MS, contents, firing, to

needs_redis = pytest.mark.needs("redis-server")


@asynccontextmanager
async def opened(url):
    store = Store(connect(url))
    try:
        yield store
    finally:
        await store.close()


async def over_many_connections(store: Store) -> None:
    """Write through more connections at once than a test would otherwise open."""
    await asyncio.gather(*(store.take_requests(requests_per_minute=60_000) for _ in range(10)))


def writers(server: Redis) -> int:
    """How many connections last ran a script there."""
    with server.client() as look:
        return sum(each["cmd"] == "evalsha" for each in look.client_list())


@needs_redis
@pytest.mark.parametrize("redis_kind", ["sentinel", "cluster"])
async def test_the_store_looks_at_the_settings_of_the_server_that_has_the_keys(redis_server):
    with redis_server.client() as look:
        look.config_set("maxmemory-policy", "allkeys-lru")
        async with opened(redis_server.url) as store:
            assert [problem.split(":")[0] for problem in (await store.inspect()).problems] == [
                "maxmemory-policy is allkeys-lru"
            ]
            look.config_set("maxmemory-policy", "noeviction")
            assert (await store.inspect()).problems == ()


@needs_redis
@pytest.mark.parametrize("redis_kind", ["sentinel"])
@pytest.mark.parametrize("ask_again_s", [0.0, 1e9], ids=["it still takes writes", "it refuses writes"])
async def test_a_primary_that_was_replaced_is_left_without_losing_a_call(redis_server, monkeypatch, ask_again_s):
    monkeypatch.setattr("bridge.store.discovery.ASK_AGAIN_S", ask_again_s)
    async with opened(redis_server.url) as store:
        await over_many_connections(store)
        old = redis_server.primary
        redis_server.switch()
        if ask_again_s:
            old.demote(redis_server.primary)
        await over_many_connections(store)
        assert writers(old) == 0
        assert writers(redis_server.primary) > 1
    old.demote(redis_server.primary)
    redis_server.start()


@needs_redis
@pytest.mark.parametrize("redis_kind", ["cluster"])
async def test_all_keys_are_on_one_node(redis_server):
    async with opened(redis_server.url) as store:
        await store.ingest([(firing("a"), to()), (firing("b"), to("bank"))])
        await over_many_connections(store)
    assert len(redis_server.keys(redis_server.owner)) > 5
    for node in redis_server.nodes:
        with node.client() as look:
            assert node is redis_server.owner or look.dbsize() == 0


@needs_redis
@pytest.mark.parametrize("redis_kind", ["cluster"])
async def test_no_script_runs_on_a_part_of_the_keys(redis_server):
    """Whichever key has moved first: a script that did run would find some of what it needs, and write without it."""
    async with opened(redis_server.url) as store:
        await store.ingest([(firing("a"), to()), (firing("b"), to("bank"))])
        for key in redis_server.keys(redis_server.owner):
            source = redis_server.owner
            target = next(node for node in redis_server.nodes if node is not source)
            with source.client() as look:
                before = contents(look)
            redis_server.open_slot(source, target)
            redis_server.move_keys(source, target, [key])
            for call in (store.ingest([(firing("c"), to())]), store.claim(token="t", lease_ms=LEASE_MS)):
                with pytest.raises(StoreUnavailable, match=r"TryAgainError|AskError"):
                    await call
            redis_server.close_slot(source, target)
            with target.client() as look:
                assert contents(look) == before


@needs_redis
@pytest.mark.parametrize("redis_kind", ["cluster"])
async def test_once_the_slot_has_moved_no_call_fails(redis_server):
    async with opened(redis_server.url) as store:
        await over_many_connections(store)
        old = redis_server.owner
        redis_server.move()
        await over_many_connections(store)
        assert writers(old) == 0
        assert writers(redis_server.owner) > 1


@needs_redis
@pytest.mark.parametrize("redis_kind", ["sentinel"])
async def test_sentinels_have_credentials_of_their_own(redis_server):
    for process in (*redis_server.servers, *redis_server.sentinels):
        user = "watcher" if process in redis_server.sentinels else "bridge"
        with process.client() as look:
            look.execute_command("ACL", "SETUSER", user, "on", f">{user}/pass", "~*", "&*", "+@all")
    parameters = "?sentinel_username=watcher&sentinel_password=watcher%2Fpass"
    async with opened(redis_server.url.replace("//", "//bridge:bridge%2Fpass@") + parameters) as store:
        await store.check()
        for process in (redis_server.primary, redis_server.sentinels[0]):
            with process.client() as look:
                users = {each["user"] for each in look.client_list() if each["name"] == "checkly-bridge"}
            assert users == {"watcher" if process in redis_server.sentinels else "bridge"}


@needs_redis
async def test_a_primary_that_a_sentinel_takes_for_dead_is_not_waited_for(tmp_path):
    with Sentinel(tmp_path / "sentinel", Redis(tmp_path / "never-started")) as sentinel:
        eventually(lambda: sentinel.state()["is_sdown"], "the Sentinel to give the primary up")
        address = f"redis+sentinel://127.0.0.1:{sentinel.port}"
        for service, problem in ((SERVICE, "the primary is down"), ("another", "No such master with that name")):
            async with opened(f"{address}/{service}") as store:
                with pytest.raises(StoreUnavailable, match=problem):
                    await store.check()


@pytest.fixture
async def nodes():
    """Clients of nowhere; a directory closes them."""
    return {("a", 1): Client(), ("b", 2): Client(), ("c", 3): Client()}


async def test_a_directory_asks_one_after_the_other_and_begins_with_who_knew(nodes):
    asked = []

    async def only_b_knows(_, address):
        asked.append(address[0])
        if address[0] != "b":
            raise redis.ConnectionError("gone")
        return "primary", 6379

    directory = Directory(nodes, only_b_knows)
    assert [await directory.find(), await directory.find()] == [("primary", 6379)] * 2
    assert asked == ["a", "b", "b"]


async def test_a_directory_tells_what_it_was_told_last(nodes):
    async def nobody_knows(_, address):
        raise redis.ResponseError(f"{address[0]} knows nothing")

    with pytest.raises(redis.ConnectionError, match=r"no Sentinel or node knows .*: ResponseError: c knows nothing"):
        await Directory(nodes, nobody_knows).find()


async def test_with_tls_everybody_is_spoken_to_over_tls():
    for url in ("rediss+sentinel://a/main?ssl_ca_certs=/ca", "rediss+cluster://a?ssl_ca_certs=/ca"):
        pool = connect(url).connection_pool
        assert isinstance(pool.make_connection(), redis.asyncio.SSLConnection)
