from __future__ import annotations

import pytest

from bridge.store import StoreUnavailable
from bridge.store.connect import connect
from bridge.store.durability import Durability, inspect
from tests.servers import Redis, Valkey

KINDS = [
    pytest.param(Redis, marks=pytest.mark.needs("redis-server"), id="redis"),
    pytest.param(Valkey, marks=pytest.mark.needs("valkey-server"), id="valkey"),
]


async def examine(url: str) -> Durability:
    client = connect(url)
    try:
        return await inspect(client)
    finally:
        await client.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_durable_server_has_no_problems_and_says_what_it_is(tmp_path, kind):
    with kind(tmp_path) as server, server.client() as look:
        found = await examine(server.url)
        info = look.info("server")
    assert found.problems == ()
    version = info["redis_version"] if kind is Redis else info["valkey_version"]
    assert found.server == f"{kind.__name__} {version}"


@pytest.mark.needs("redis-server")
@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, ["maxmemory-policy is allkeys-lru: keys may vanish"]),
        ({"maxmemory_policy": "volatile-ttl"}, ["maxmemory-policy is volatile-ttl"]),
        ({"appendonly": "no"}, ["neither an append-only file nor snapshots are on"]),
        ({"appendonly": "no", "save": "900 1"}, ["no append-only file: a crash forgets"]),
        ({"save": "900 1"}, []),
        ({"appendonly": "no", "maxmemory_policy": "allkeys-lfu"}, ["maxmemory-policy", "neither"]),
        ({"replicaof": "127.0.0.1 1"}, ["this is a read-only replica"]),
    ],
    ids=["evicts", "evicts what expires", "memory only", "snapshots", "both", "two problems", "replica"],
)
async def test_each_setting_that_forgets_is_named(tmp_path, options, problems):
    with Redis(tmp_path, **options) as server:
        found = (await examine(server.url)).problems
    assert len(found) == len(problems)
    assert all(text.startswith(start) for text, start in zip(found, problems, strict=True))


@pytest.mark.needs("redis-server")
async def test_where_config_is_refused_info_tells_enough(tmp_path):
    with Redis(tmp_path, maxmemory_policy="allkeys-lru", appendonly="no") as server:
        with server.client() as look:
            look.execute_command("ACL", "SETUSER", "default", "-config")
        found = (await examine(server.url)).problems
    assert [problem.partition(":")[0] for problem in found] == [
        "maxmemory-policy is allkeys-lru",
        "no append-only file",
    ]


@pytest.mark.needs("redis-server")
async def test_a_server_that_does_not_answer_is_unavailable(tmp_path):
    with Redis(tmp_path) as server:
        pass
    with pytest.raises(StoreUnavailable):
        await examine(server.url)
