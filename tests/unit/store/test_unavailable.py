"""Servers that stop, forget, or refuse: nothing may be promised, and all heals by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest
import redis

from bridge.model import Incident, Progress
from bridge.store import Claim, Store, StoreUnavailable
from bridge.store.connect import connect
from tests.servers import Redis, eventually, free_ports
from tests.unit.store.builders import LEASE_MS, all_of, contents, firing, resolved, to

Call = Callable[[], Awaitable[object]]
pytestmark = pytest.mark.needs("redis-server")


@pytest.fixture
async def open_store():
    """Opens stores that are closed at the end."""
    stores: list[Store] = []

    def open_(url):
        stores.append(Store(connect(url)))
        return stores[-1]

    yield open_
    for store in stores:
        await store.close()


@pytest.fixture
def start(tmp_path):
    """Starts servers of given settings, and stops them at the end."""
    servers: list[Redis] = []

    def start_(**options):
        servers.append(Redis(tmp_path / str(len(servers)), **options).start())
        return servers[-1]

    yield start_
    for server in servers:
        server.stop()


def operations(store: Store, claim: Claim) -> dict[str, Call]:
    """Every operation that always writes."""
    return {
        "ingest": lambda: store.ingest([(firing("x"), to())]),
        "ingest for two incidents": lambda: store.ingest([(firing("x"), to()), (firing("y"), to("bank"))]),
        "claim": lambda: store.claim(token="t", lease_ms=LEASE_MS),
        "record": lambda: store.record(claim, Progress(), lease_ms=LEASE_MS),
        "settle": lambda: store.settle(claim, due=None),
        "drop": lambda: store.drop(claim),
        "take": lambda: store.take_requests(requests_per_minute=60),
        "pause": lambda: store.pause("401", now=1),
        "check": store.check,
    }


def others(store: Store) -> dict[str, Call]:
    """Every other operation."""
    return {
        "incidents": lambda: all_of(store),
        "incident": lambda: store.incident("shop"),
        "ended episode": lambda: store.incident("shop.1"),
        "overview": store.overview,
        "inspect": store.inspect,
        "resume": store.resume,
        "probe_again": lambda: store.probe_again(1),
        "remember": lambda: store.remember({"remote": b"details"}),
        "recall": lambda: store.recall(["remote"]),
        "release": lambda: store.release("t", (), lease_ms=LEASE_MS),
    }


async def failures(calls: Mapping[str, Call]) -> dict[str, str]:
    """Which calls raised StoreUnavailable, with its message."""
    failed = {}
    for name, call in calls.items():
        try:
            await call()
        except StoreUnavailable as error:
            failed[name] = str(error)
    return failed


async def test_every_operation_says_that_a_stopped_server_is_unavailable_and_works_when_it_is_back(start, open_store):
    server = start()
    store = open_store(server.url)
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    server.stop()
    calls = operations(store, claim) | others(store)
    assert set(await failures(calls)) == set(calls)
    server.start()
    assert await failures(calls) == {}
    assert (await store.incident("shop")) is not None


async def test_a_server_that_was_never_there_is_unavailable(start, open_store):
    server = start()
    server.stop()
    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        await open_store(server.url).ingest([(firing(), to())])


async def test_a_wrong_password_is_unavailable_and_is_not_repeated(start, open_store):
    server = start()
    with server.client() as look:
        look.config_set("requirepass", "right")
    with pytest.raises(StoreUnavailable, match="AuthenticationError") as caught:
        await open_store(server.url.replace("//", "//:s3cret@")).ingest([(firing(), to())])
    assert "s3cret" not in str(caught.value)


async def test_a_server_that_forgot_its_scripts_gets_them_again(store, db):
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    for name, call in operations(store, claim).items():
        db.script_flush()
        assert await failures({name: call}) == {}


async def test_a_broken_connection_is_replaced(store, db):
    await store.ingest([(firing(), to())])
    db.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert [change.outcome for change in await store.ingest([(firing("b"), to())])] == ["added"]


async def test_a_replica_takes_no_writes(start, open_store):
    primary = start(repl_diskless_sync_delay="0")
    replica = start(replicaof=f"127.0.0.1 {primary.port}")
    at_primary, store = open_store(primary.url), open_store(replica.url)
    await at_primary.ingest([(firing(), to()), (resolved(), to())])
    claim = await at_primary.claim(token="t", lease_ms=LEASE_MS)
    await at_primary.ingest([(firing("b"), to("bank"))])
    with primary.client() as look:
        assert look.wait(1, 60_000) == 1
    failed = await failures(operations(store, claim))
    assert set(failed) == set(operations(store, claim))
    assert all(message.startswith("ReadOnlyError") for message in failed.values())


async def test_a_full_server_takes_no_alert_and_none_halfway(start, open_store):
    server = start()
    store = open_store(server.url)
    await store.ingest([(firing("a"), to()), (firing("b"), to(services=("cart",)))])
    with server.client() as look:
        look.config_set("maxmemory", 1)
        before = contents(look)
        for item in [(firing("x"), to()), (resolved("b"), to()), (firing("a"), to(services=("cart",)))]:
            with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
                await store.ingest([item])
        assert contents(look) == before
        look.config_set("maxmemory", 0)
    assert [change.outcome for change in await store.ingest([(firing("x"), to())])] == ["added"]


async def test_messages_quote_no_alert(start, open_store):
    server = start()
    store = open_store(server.url)
    await store.ingest([(firing(), to())])
    with server.client() as look:
        look.config_set("maxmemory", 1)
    failed = await failures({"one": lambda: store.ingest([(firing("canary"), to("canary"))])}) | await failures(
        {"many": lambda: store.ingest([(firing(f"canary-{n}"), to(f"canary-{n}")) for n in range(9)])}
    )
    assert set(failed) == {"one", "many"}
    assert "canary" not in str(failed)


async def test_all_keys_share_one_slot_of_a_cluster(start, open_store):
    server = start(cluster_enabled="yes", cluster_port=str(free_ports(1)[0]))
    with server.client() as look:
        look.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: "cluster_state:ok" in str(look.execute_command("CLUSTER", "INFO")), "the cluster is up")
        store = open_store(server.url)
        await store.ingest([(firing("a"), to()), (firing("b"), to("bank")), (firing("c"), to())])
        await store.ingest([(resolved("a"), None), (firing("a"), to())])
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        await store.record(
            claim, Progress(), lease_ms=LEASE_MS, archive=msgspec.json.encode(claim.incident), retention_ms=LEASE_MS
        )
        assert await failures(operations(store, claim) | others(store)) == {}
        keys = look.keys()
        slots = {look.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}
    assert len(keys) >= 10
    assert len(slots) == 1


async def test_a_server_that_does_not_answer_is_unavailable_after_the_timeout(start, open_store, monkeypatch):
    monkeypatch.setattr("bridge.store.connect.TIMEOUT_S", 0.1)
    server = start()
    store = open_store(server.url)
    await store.ingest([(firing(), to())])
    with server.client() as look:
        look.execute_command("CLIENT", "PAUSE", 60_000, "ALL")
    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        await store.ingest([(firing(), to())])


async def test_a_connection_that_closes_under_a_command_is_an_unavailable_server(redis_url, open_store, monkeypatch):
    async def fail(*_: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed")  # uvloop's

    store = open_store(redis_url)
    monkeypatch.setattr("redis.asyncio.connection.AbstractConnection._send_packed_command", fail)
    claim = Claim(incident=Incident(id="shop", key="shop", route="shop"), token="t", now=1)
    calls = operations(store, claim) | others(store)
    assert set(await failures(calls)) == set(calls)


async def test_a_client_names_itself(redis_url, db):
    client = connect(redis_url)
    await client.ping()
    assert b"checkly-bridge" in {each["name"].encode() for each in db.client_list()}
    await client.aclose()


def test_a_wrong_scheme_is_refused():
    with pytest.raises(ValueError, match="must look like redis://"):
        connect("http://localhost")


async def test_rediss_connects_with_tls():
    connection_class = connect("rediss://localhost").connection_pool.connection_class
    assert issubclass(connection_class, redis.asyncio.SSLConnection)


@pytest.mark.parametrize("more", [1, 5])
async def test_a_call_that_finds_all_connections_in_use_waits_for_one(redis_url, more, monkeypatch):
    monkeypatch.setattr("bridge.store.connect.CONNECTIONS", few := 4)
    client = connect(redis_url)
    try:
        answers = await asyncio.gather(*(client.ping() for _ in range(more * few)))
        assert all(answers)
        assert (await client.info("clients"))["connected_clients"] <= few + 5
    finally:
        await client.aclose()
