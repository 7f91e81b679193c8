"""What a write needs besides the primary's word: safe settings, and replicas that have it too. On real servers."""

from __future__ import annotations

import asyncio
import itertools
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest
from redis.asyncio import ConnectionPool
from redis.asyncio import Redis as Client

from bridge.config import schema
from bridge.config.schema import LONGEST_WAIT_MS
from bridge.model import Progress, PublicNote
from bridge.store import Claim, NotDurable, NotReplicated, Store, StoreUnavailable
from bridge.store.connect import TIMEOUT_S, connect
from bridge.store.write_concern import _confirm
from tests.servers import Redis, Valkey, eventually
from tests.unit.store.builders import LEASE_MS, START, contents, firing, resolved, to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.store.codec import Item

AT_ONCE = "force now"  # even if its replica lags or its first append-only file is not done
REQUIRE = schema.Store(durability="require")
KINDS = {"redis": (Redis, "wait"), "valkey": (Valkey, "waitaof")}
on_both = pytest.mark.parametrize(
    "pair", [pytest.param(kind, marks=pytest.mark.needs(f"{kind}-server")) for kind in KINDS], indirect=True
)
on_redis = [pytest.mark.needs("redis-server"), pytest.mark.parametrize("pair", ["redis"], indirect=True)]


class Pair(NamedTuple):
    """A primary and its replica, and the command by which such a primary waits for it."""

    primary: Redis
    replica: Redis
    wait: str

    def commands(self) -> dict[str, int]:
        """How often the primary was told to wait for replicas, by command."""
        with self.primary.client() as look:
            stats = look.info("commandstats")
        return {name: stats[f"cmdstat_{name}"]["calls"] for name in ("wait", "waitaof") if f"cmdstat_{name}" in stats}


@pytest.fixture(scope="module")
def start_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pair]]:
    """Gives the module's primary and replica of a kind, and starts them when first asked."""
    pairs: dict[str, Pair] = {}

    def get(kind: str) -> Pair:
        if kind not in pairs:
            program, wait = KINDS[kind]
            directory = tmp_path_factory.mktemp(kind)
            primary = program(directory / "primary", repl_diskless_sync_delay="0", shutdown_on_sigterm=AT_ONCE)
            replica = program(directory / "replica", replicaof=f"127.0.0.1 {primary.port}", shutdown_on_sigterm=AT_ONCE)
            running.enter_context(primary)
            pairs[kind] = Pair(primary, running.enter_context(replica), wait)
        return pairs[kind]

    with ExitStack() as running:
        yield get


@pytest.fixture
def pair(request: pytest.FixtureRequest, start_pair: Callable[[str], Pair]) -> Iterator[Pair]:
    """A primary, empty, and its replica, in step."""
    pair = start_pair(request.param)
    with pair.primary.client() as look:
        look.flushall()
        look.config_resetstat()
        eventually(lambda: look.wait(1, 100), "the replica to be in step")
        look.config_resetstat()
    yield pair
    pair.replica.signal(signal.SIGCONT)


@pytest.fixture
async def open_store():
    """Opens stores that are closed at the end."""
    stores: list[Store] = []

    def open_(server: Redis, wanted: schema.Store) -> Store:
        stores.append(Store(connect(server.url), wanted=lambda: wanted))
        return stores[-1]

    yield open_
    for store in stores:
        await store.close()


class NewConnections(ConnectionPool):
    """Connects anew for every use."""

    async def release(self, connection):
        await connection.disconnect()
        await super().release(connection)


def replicas(count: int = 1, *, within_ms: int = 1_500) -> schema.Store:
    return schema.Store(wait_replicas=count, wait_timeout_ms=within_ms)


async def keep(store: Store, item: Item) -> None:
    """Store an alert, again where the machine is too slow for its replica to confirm it in time."""
    for _ in range(20):
        with suppress(NotReplicated):
            await store.ingest([item])
            return
    raise AssertionError("the replica never had it")


@on_both
async def test_an_alert_counts_when_the_replica_has_it(pair, open_store):
    await keep(open_store(pair.primary, replicas()), (firing("a"), to()))
    assert set(pair.commands()) == {pair.wait}
    pair.replica.signal(signal.SIGSTOP)
    with pytest.raises(NotReplicated, match=r"within 100ms, 0 replicas had the write.* of the 1 that store\.wait"):
        await open_store(pair.primary, replicas(within_ms=100)).ingest([(firing("b"), to())])


@on_both
async def test_a_repeat_is_no_way_around_the_wait(pair, open_store):
    """It may write nothing by itself, on a connection that has nothing to wait for."""
    await keep(open_store(pair.primary, replicas()), (firing("a"), to()))
    pair.replica.signal(signal.SIGSTOP)
    for item in ((firing("b"), to()), (firing("b"), to()), (resolved("unknown"), to())):
        with pytest.raises(NotReplicated):
            await open_store(pair.primary, replicas(within_ms=100)).ingest([item])


@pytest.mark.needs("valkey-server")
@pytest.mark.parametrize("pair", ["valkey"], indirect=True)
async def test_without_an_append_only_file_there_is_no_disk_to_wait_for(pair, open_store):
    store = open_store(pair.primary, replicas())
    await store.inspect()
    with pair.primary.client() as look:
        look.config_set("appendonly", "no")
    try:
        with pytest.raises(StoreUnavailable, match="WAITAOF cannot be used"):
            await store.ingest([(firing(), to())])
        await store.ingest([(firing(), to())])
        assert set(pair.commands()) == {"waitaof", "wait"}, "it looked again, and found another way"
    finally:
        with pair.primary.client() as look:
            look.config_set("appendonly", "yes")


class TestOnRedis:
    """Where waiting for a replica takes no time."""

    pytestmark = on_redis

    async def test_those_who_are_stored_together_wait_together(self, pair, open_store):
        store = open_store(pair.primary, replicas())
        await asyncio.gather(*(store.ingest([(firing(f"{n}"), to())]) for n in range(100)))
        assert pair.commands()["wait"] <= 3

    async def test_the_wait_is_on_the_connection_of_the_write(self, pair, open_store):
        """Only there it tells of the server that has the write."""
        await open_store(pair.primary, replicas()).ingest([(firing("a"), to())])
        client = Client(connection_pool=NewConnections.from_url(pair.primary.url))
        store = Store(client, wanted=replicas)
        with pair.primary.client() as look, look.monitor() as monitor:
            await store.ingest([(firing("b"), to())])
            await client.aclose(close_connection_pool=True)
            look.ping()
            heard = list(itertools.takewhile(lambda each: each["command"] != "PING", monitor.listen()))
        sent: dict[str, list[str]] = {}
        for each in heard:
            if each["client_type"] != "lua":
                sent.setdefault(each["client_port"], []).append(each["command"].partition(" ")[0])
        assert ["EVALSHA", "SET", "WAIT"] in [commands[-3:] for commands in sent.values()]

    async def test_a_remark_waits_and_so_does_a_record_that_must(self, pair, open_store):
        store = open_store(pair.primary, replicas(within_ms=100))
        await store.ingest([(firing(), to())])
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        pair.replica.signal(signal.SIGSTOP)
        public_note = PublicNote(source="alertmanager", fingerprint="a", event_id="e", observed_at=START, text="x")
        for call in (
            store.public_note(public_note),
            store.record(claim, Progress(), lease_ms=LEASE_MS, replicated=True),
        ):
            with pytest.raises(NotReplicated):
                await call
        assert await store.record(claim, Progress(), lease_ms=LEASE_MS), "the others go on"
        assert await store.settle(claim, due=None)

    async def test_readiness_waits_too(self, pair, open_store):
        store = open_store(pair.primary, replicas(within_ms=100))
        await store.check()
        pair.replica.signal(signal.SIGSTOP)
        with pytest.raises(NotReplicated):
            await store.check()

    async def test_by_default_nobody_waits(self, pair, open_store):
        pair.replica.signal(signal.SIGSTOP)
        store = open_store(pair.primary, schema.Store())
        await store.ingest([(firing(), to())])
        await store.check()
        assert pair.commands() == {}

    async def test_replicas_that_are_not_there_are_a_problem(self, pair, open_store):
        assert (await open_store(pair.primary, replicas(1)).inspect()).problems == ()
        (problem,) = (await open_store(pair.primary, replicas(2)).inspect()).problems
        assert problem.startswith("1 replicas are connected of the 2 that store.wait_replicas demands")

    @pytest.mark.parametrize(
        ("setting", "unsafe", "problem"),
        [("maxmemory-policy", "allkeys-lru", "set it to noeviction"), ("appendonly", "no", "set appendonly yes")],
    )
    async def test_where_durability_is_required_unsafe_settings_refuse_alerts_while_they_last(
        self, pair, open_store, setting, unsafe, problem
    ):
        store = open_store(pair.primary, REQUIRE)
        with pair.primary.client() as look:
            safe = look.config_get(setting)[setting]
            await store.ingest([(firing("a"), to())])
            before = contents(look)
            look.config_set(setting, unsafe)
            try:
                await store.inspect()
                with pytest.raises(NotDurable, match=problem):
                    await store.ingest([(firing("b"), to())])
                with pytest.raises(NotDurable, match=problem):
                    await store.check()
                assert contents(look) == before
                assert await store.claim(token="t", lease_ms=LEASE_MS), "what was promised is kept"
                assert await open_store(pair.primary, schema.Store()).ingest([(firing("c"), to())]), (
                    "warned, not refused"
                )
            finally:
                look.config_set(setting, safe)
        await store.check()
        assert await store.ingest([(firing("b"), to())])

    async def test_where_durability_is_required_a_replica_is_refused_at_the_first_look(self, pair, open_store):
        with pytest.raises(NotDurable, match="read-only replica"):
            await open_store(pair.replica, REQUIRE).ingest([(firing(), to())])


@pytest.mark.needs("redis-server")
async def test_a_server_that_could_not_be_looked_at_is_not_trusted(tmp_path, open_store):
    with Redis(tmp_path) as server:
        store = open_store(server, REQUIRE)
        await store.ingest([(firing("a"), to())])
        with server.client() as look:
            look.execute_command("ACL", "SETUSER", "default", "-info")
        await store.inspect()
        for call in (store.check, lambda: store.ingest([(firing("b"), to())])):
            with pytest.raises(NotDurable, match="it refuses INFO"):
                await call()


@pytest.mark.parametrize("reply", [1, 2, [1, 1], [1, 3]])
def test_a_write_that_enough_replicas_have_is_confirmed(reply):
    _confirm(reply, replicas(1))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (1, "1 replicas had the write of the 2 that"),
        ([1, 1], "1 replicas had the write on disk of the 2 that store.wait_replicas demands; see"),
        ([0, 2], "demands, and the primary had it in memory only; see"),
    ],
)
def test_what_was_short_is_said(reply, said):
    with pytest.raises(NotReplicated) as caught:
        _confirm(reply, replicas(2))
    assert said in str(caught.value)


def test_no_wait_is_taken_for_a_broken_connection():
    assert LONGEST_WAIT_MS < TIMEOUT_S * 1_000 - 100
