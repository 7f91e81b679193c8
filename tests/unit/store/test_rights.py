"""Which rights the bridge needs of a server, and that readiness tells whether a delivery has them. On real servers."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from redis.exceptions import ResponseError

from bridge.config import schema
from bridge.core.actions import Action
from bridge.model import V1_PAGE, Phase, Post, Progress, PublicNote
from bridge.orders import Verb
from bridge.store import (
    Claim,
    Example,
    NotDurable,
    Store,
    StoreUnavailable,
    Unpublished,
    UnpublishedGroup,
    scripts,
)
from bridge.store.connect import connect
from tests.servers import eventually, free_ports
from tests.servers.redis import Redis, Valkey
from tests.unit.store.builders import LEASE_MS, all_of, firing, resolved, to

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "redis.md").read_text()
LINES = re.findall(r"^    (ACL SETUSER .+)$", PAGE, re.MULTILINE)
PASSWORD = "PASSWORD"  # as the page writes it
COMMANDS = {
    *("get", "set", "exists", "pexpire", "hget", "hset", "hmget", "hdel", "hincrby", "zadd", "zrange", "zrem"),
    *("zscore", "sadd", "srem", "smove", "sunion", "sismember", "rpush", "lrange", "ltrim", "del", "hlen"),
}
KINDS = {"redis": Redis, "valkey": Valkey}
CALL = re.compile(r"redis\.call\('(\w+)'")

on_both = pytest.mark.parametrize(
    "server", [pytest.param(kind, marks=pytest.mark.needs(f"{kind}-server")) for kind in KINDS], indirect=True
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Servers of the module's own, whose users it may change."""
    running = {}

    def get(kind):
        if kind not in running:
            running[kind] = KINDS[kind](tmp_path_factory.mktemp(kind)).start()
        return running[kind]

    yield get
    for server in running.values():
        server.stop()


@pytest.fixture
def server(request, servers):
    found = servers(request.param)
    with found.client() as look:
        look.flushall()
        look.script_flush()
        look.execute_command("ACL", "LOG", "RESET")
    return found


@contextmanager
def user(server: Redis, *rules: str) -> Iterator[str]:
    """The server's address for a user of these rights, as long as it is used."""
    with server.client() as look:
        look.execute_command("ACL", "SETUSER", "bridge", "reset", *rules)
        yield f"redis://bridge:{PASSWORD}@127.0.0.1:{server.port}/0"
        look.execute_command("ACL", "DELUSER", "bridge")


def rules(line: str) -> list[str]:
    """What a line of the page gives its user."""
    name, *given = line.removeprefix("ACL SETUSER ").split()
    assert name == "bridge"
    return given


async def deliver(store: Store) -> None:
    """Deliveries of every kind: starts, repeats, ends, moves, held ones, merges, public notes, watchdogs."""
    await store.ingest([(firing("a"), to()), (firing("b"), to("bank", services=("cart",)))])
    await store.ingest([(firing("a"), to("bank")), (resolved("b"), None), (firing("b"), to())])
    await store.ingest([(resolved("a"), to()), (resolved("b"), to())])
    began = time.time_ns() // 1_000_000 - 100  # what is older than any sender's retries opens nothing
    for name, at in (("p", began + 10), ("q", began + 20)):
        await store.ingest([(firing(name, observed_at=at), to())])
    merged = firing("p", observed_at=began + 30)
    await store.ingest([(type(merged)(**{**as_dict(merged), "merged_into": "q", "event_id": "e1"}), to())])
    assert await store.public_note(
        PublicNote(source="alertmanager", fingerprint="q", event_id="e2", text="t", observed_at=began + 35)
    )
    await store.ingest([(resolved("q", observed_at=began + 40), to())])
    await store.heartbeat(["watchdog"])


def as_dict(alert):
    return {name: getattr(alert, name) for name in alert.__struct_fields__}


async def work(store: Store) -> None:
    """Everything else that a bridge does."""
    await store.inspect()
    await store.config_changed("digest")
    assert (await store.take_requests(requests_per_minute=60)).taken
    await store.pause("401", now=1)
    await store.probe_again(1)
    await store.resume()
    for archive in (b"", b"{}"):
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        recorded = await store.record(claim, Progress(), lease_ms=LEASE_MS, archive=archive, replicated=True)
        assert recorded is not None
        await store.settle(recorded, due=None)
        await store.ingest([(firing("again"), to())])
        await store.ingest([(resolved("again"), to())])
    await operate(store)
    await store.release("t", (), lease_ms=LEASE_MS)
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    if isinstance(claim, Claim):
        await store.drop(claim)
    await store.episode_archive.episodes(0)
    await store.episode_archive.episodes(0, after="ended-0-0")
    await store.remember({"remote": b"details"})
    await store.recall(["remote"])
    await store.owners(["remote"])
    await store.unknown(["shop"])
    await all_of(store)
    await store.incident("shop")
    await store.incident("shop.1")
    group = UnpublishedGroup(about=Unpublished("ignored"), count=1, first_at=1, last_at=1, example=Example("pagerduty"))
    await store.unpublished.add([group], now=1, left_out=1)
    await store.unpublished.add([group], now=25 * 3_600_000)
    await store.unpublished.all(now=1)
    await store.finder.paused()
    await store.finder.by_fingerprint("again", [("alertmanager", "")])
    await store.finder.by_fingerprint("never", [("alertmanager", "")])
    await store.finder.by_name("Errors")
    await store.overview()


OPENED = Progress(phase=Phase.INVESTIGATING, posts={V1_PAGE: Post(remote_id="r", status=Phase.INVESTIGATING)})


async def operate(store: Store) -> None:
    """Operators order whatever there is to be ordered."""
    await store.ingest([(firing("mute"), to()), (firing("other"), to())])
    for verb in (Verb.TAKE_OVER, *Verb):
        asked = Action(verb=verb, by="alice", reason="r", alert="mute", text="words", key=f"key-{verb}", for_ms=1)
        await store.act("shop", asked)
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    recorded = await store.record(claim, OPENED, lease_ms=LEASE_MS, over=claim.incident.orders)
    assert recorded is not None
    await store.settle(recorded, due=None)
    for verb in (Verb.SAY, Verb.RESOLVE, Verb.TAKE_OVER):
        await store.act("shop", Action(verb=verb, by="alice", text="words"))
    await store.overview()
    await store.ingest([(resolved("mute"), to()), (resolved("other"), to())])


async def fails(*calls) -> str:
    """What the first of the calls that is refused says; empty when none is."""
    try:
        for call in calls:
            await call()
    except StoreUnavailable as error:
        return str(error)
    return ""


@on_both
@pytest.mark.parametrize("wanted", [schema.Store(), schema.Store(durability="require")], ids=["plain", "require"])
async def test_the_line_of_the_page_gives_all_the_rights_there_are_to_need(server, wanted):
    with user(server, *rules(LINES[0])) as url:
        store = Store(connect(url), wanted=lambda: wanted)
        await store.check()
        await deliver(store)
        await work(store)
        await store.check()
        await store.close()
        with server.client() as look:
            refused = {(entry["reason"], entry["object"]) for entry in look.acl_log()}
    assert refused <= {("command", "client|setinfo")}  # a label, which Redis has since 7.2


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.needs(f"{kind}-server")) for kind in KINDS])
async def test_the_line_of_the_page_is_enough_to_wait_for_a_replica(tmp_path, kind):
    make = KINDS[kind]
    at_once = "force now"  # else SIGTERM goes unheard while the first append-only file is written
    with (
        make(tmp_path / "primary", repl_diskless_sync_delay="0", shutdown_on_sigterm=at_once) as primary,
        make(tmp_path / "replica", replicaof=f"127.0.0.1 {primary.port}", shutdown_on_sigterm=at_once),
        primary.client() as look,
    ):
        eventually(lambda: look.wait(1, 100), "the replica is in step")
        with user(primary, *rules(LINES[0])) as url:
            wanted = schema.Store(durability="require", wait_replicas=1, wait_timeout_ms=30_000)
            store = Store(connect(url), wanted=lambda: wanted)
            await store.check()
            await deliver(store)
            await store.close()


@on_both
async def test_the_line_gives_no_more_than_the_bridge_s_own_keys(server):
    with user(server, *rules(LINES[0])) as url, redis.Redis.from_url(url) as theirs:
        for refused in (
            lambda: theirs.set("other", 1),
            lambda: theirs.get("bridge:other"),
            theirs.flushall,
            theirs.keys,
            lambda: theirs.config_set("maxmemory", 1),
            theirs.script_flush,
            lambda: theirs.client_kill_filter(_type="normal"),
            lambda: theirs.eval("return 1", 0),
        ):
            with pytest.raises(ResponseError):
                refused()


def test_readiness_calls_every_command_of_a_delivery():
    needed = set(CALL.findall(scripts.INGEST.text + scripts.PUBLIC_NOTE.text + scripts.HEARTBEAT.text))
    not_of_a_delivery = {"HGETALL"}  # lib.lua's snapshot, for reconcilers
    assert needed - not_of_a_delivery == set(CALL.findall(scripts.READY.text)) - not_of_a_delivery
    assert needed - not_of_a_delivery - {"TIME"} == {command.upper() for command in COMMANDS}


@on_both
@pytest.mark.parametrize(
    "rights",
    [
        pytest.param("~* &* +@all -@scripting", id="no scripts"),
        pytest.param("~bridge:* +@read +@write +@connection +@scripting -@dangerous", id="no TIME"),
        pytest.param("~bridge:* +@all -evalsha", id="no EVALSHA"),
        pytest.param("~bridge:* +@all -script", id="no SCRIPT LOAD"),
        pytest.param("~* +@all -@write", id="reads alone"),
        pytest.param("~other:* +@all", id="other keys"),
        pytest.param("~bridge:{0}:due +@all", id="one key"),
        pytest.param("~bridge:* +@all -@set", id="no sets"),
        pytest.param("~bridge:* +@all -@list", id="no lists"),
    ],
)
async def test_it_is_ready_only_where_every_delivery_is_taken(server, rights):
    with user(server, "on", f">{PASSWORD}", *rights.split()) as url:
        store = Store(connect(url))
        said = await fails(store.check)
        assert await fails(lambda: deliver(store))
        await store.close()
    assert said.startswith("NoPermissionError: ")
    assert "docs/how-to/redis.md" in said


@on_both
@pytest.mark.parametrize("command", ["time", "evalsha", *sorted(COMMANDS)])
async def test_it_is_not_ready_without_any_one_of_the_commands(server, command):
    with user(server, "on", f">{PASSWORD}", "~*", "+@all", f"-{command}") as url:
        store = Store(connect(url))
        assert (await fails(store.check)).startswith("NoPermissionError: ")
        await store.close()


@on_both
@pytest.mark.parametrize(
    "rights",
    [
        pytest.param("~* &* +@all -client", id="no CLIENT"),
        pytest.param("~* &* +@all -client|setname", id="no CLIENT SETNAME"),
        pytest.param("~bridge:* &* +@all -@dangerous -@admin", id="neither INFO nor CONFIG"),
        pytest.param("~bridge:{0}:* +@all -config", id="no CONFIG"),
        pytest.param("~bridge:{0}:* +@all -wait -select -ping -command", id="nothing to wait for"),
        pytest.param("~bridge:{0}:* +@all -hgetall -smembers", id="nothing to look at"),
    ],
)
async def test_what_a_delivery_does_not_need_may_be_refused(server, rights):
    with user(server, "on", f">{PASSWORD}", *rights.split()) as url:
        store = Store(connect(url))
        await store.check()
        await deliver(store)
        await store.inspect()
        await store.close()


@on_both
async def test_where_durability_is_required_a_server_must_let_itself_be_looked_at(server):
    with user(server, "on", f">{PASSWORD}", "~*", "+@all", "-info") as url:
        wanted = schema.Store(durability="require")
        store = Store(connect(url), wanted=lambda: wanted)
        with pytest.raises(NotDurable, match="it refuses INFO"):
            await store.check()
        await store.close()


@on_both
async def test_readiness_leaves_nothing_behind(server):
    store = Store(connect(server.url))
    await deliver(store)
    with server.client() as look:

        def kept() -> dict[bytes, bytes]:
            """All but the clock, which goes on."""
            return {key: look.dump(key) for key in look.scan_iter() if not key.endswith(b":clock")}

        before = kept()
        await store.check()
        eventually(lambda: kept().keys() == before.keys(), "what expires at once has expired")
        assert kept() == before
    await store.close()


@pytest.mark.needs("redis-server")
async def test_a_node_of_a_cluster_is_told_from_a_server_alone(tmp_path):
    nodes = [Redis(tmp_path / str(n), cluster_enabled="yes", cluster_port=str(free_ports(1)[0])) for n in range(2)]
    with nodes[0] as server, nodes[1] as other, server.client() as look, other.client() as aside:
        look.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        look.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, int(other.options["cluster-port"]))
        eventually(lambda: "cluster_state:ok" in str(look.execute_command("CLUSTER", "INFO")), "the cluster is up")
        eventually(lambda: "cluster_state:ok" in str(aside.execute_command("CLUSTER", "INFO")), "both know of it")
        for url, is_misnamed in ((server.url, True), (f"redis+cluster://127.0.0.1:{server.port}", False)):
            store = Store(connect(url))
            assert (await store.inspect()).misnamed is is_misnamed
            await store.check()
            await store.close()
        store = Store(connect(other.url))
        for call in (store.check, lambda: store.ingest([(firing(), to())]), lambda: all_of(store)):
            assert re.match(
                r"MovedError: .*; this is a node of a cluster: begin REDIS_URL with redis", await fails(call)
            )
        await store.close()
