from __future__ import annotations

import pytest

from bridge.model import Alert, AlertStatus
from bridge.store import NamespaceTaken, Store, StoreUnavailable
from bridge.store.connect import connect
from bridge.store.namespace import Ownership, prefix_of

ALERT = Alert(source="alertmanager", fingerprint="a", status=AlertStatus.FIRING, labels={}, starts_at=1)


@pytest.fixture
async def redis(redis_url):
    client = connect(redis_url)
    yield client
    await client.aclose()


def test_the_default_namespace_has_the_keys_of_before():
    assert prefix_of("0") == "bridge:{0}:"
    assert prefix_of("eu-1") == "bridge:{eu-1}:"


async def test_a_namespace_belongs_to_the_instance_that_came_first(redis):
    await Ownership(redis, "0", "eu").look()
    await Ownership(redis, "0", "eu").look()
    with pytest.raises(NamespaceTaken, match=r"'eu'.*'us'.*REDIS_NAMESPACE.*--take-namespace"):
        await Ownership(redis, "0", "us").look()
    await Ownership(redis, "1", "us").look()


async def test_no_instance_is_one_too(redis):
    await Ownership(redis, "0", "").look()
    await Ownership(redis, "0", "").look()
    with pytest.raises(NamespaceTaken, match=r"no checkly.instance, and this one has checkly.instance 'us'"):
        await Ownership(redis, "0", "us").look()


async def test_who_is_told_to_takes_it_once(redis):
    before = Ownership(redis, "0", "eu")
    await before.look()
    renamed = Ownership(redis, "0", "us", take=True)
    await renamed.look()
    with pytest.raises(NamespaceTaken):
        await before.look()
    await Ownership(redis, "0", "other", take=True).look()
    with pytest.raises(NamespaceTaken):
        await renamed.look()


async def test_a_redis_that_lost_its_memory_is_taken_again(redis, db):
    ownership = Ownership(redis, "0", "eu")
    await ownership.look()
    db.flushall()
    await ownership.look()
    with pytest.raises(NamespaceTaken):
        await Ownership(redis, "0", "us").look()


async def test_nothing_is_taken_in_or_claimed_in_the_namespace_of_another(redis, db):
    await Ownership(redis, "0", "eu").look()
    store = Store(redis, ownership=Ownership(redis, "0", "us"))
    calls = (store.ingest([(ALERT, None)]), store.claim(token="t", lease_ms=1), store.heartbeat(["w"]), store.check())
    for call in calls:
        with pytest.raises(NamespaceTaken):
            await call
    assert db.keys("*") == [b"bridge:{0}:instance"]


async def test_nothing_is_promised_before_redis_has_told_whose_the_keys_are():
    away = connect("redis://127.0.0.1:1/0")
    ownership = Ownership(away, "0", "eu")
    store = Store(away, ownership=ownership)
    with pytest.raises(StoreUnavailable):
        await store.ingest([(ALERT, None)])
    assert not ownership.is_ours


async def test_two_bridges_with_namespaces_of_their_own_share_a_redis(redis, db):
    for namespace in ("eu", "us"):
        ownership = Ownership(redis, namespace, "")
        await Store(redis, prefix=prefix_of(namespace), ownership=ownership).heartbeat(["w"])
    assert {key.split(b":")[1] for key in db.keys("*")} == {b"{eu}", b"{us}"}
