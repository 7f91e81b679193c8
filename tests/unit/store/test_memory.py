"""What an incident takes of a Redis with its default settings: 80 bytes a field once a value is over 64."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import Phase, Post, Progress
from tests.unit.store.builders import LEASE_MS, PREFIX, firing, resolved, to

pytestmark = pytest.mark.needs("redis-server")

PAGES = ("v1", "v3:status", "v3:internal")
REMOTE = "4c90457e-e5b8-4959-b9e6-0c43ea5c3a0"
GROUP = {"alertname": "HighErrorRate", "cluster": "prod-eu-west-1", "namespace": "checkout", "team": "payments"}


def progress(status: Phase) -> Progress:
    """An incident on three pages."""
    posts = {page: Post(remote_id=f"{REMOTE}{nth}", status=status, name="x" * 80) for nth, page in enumerate(PAGES)}
    return Progress(phase=status, posts=posts)


@pytest.fixture
async def over(store):
    """An incident of a long key that stood open on three pages, and is over."""
    routed = replace(to(), group=GROUP)
    await store.ingest([(firing(), routed)])
    for said, status in ((firing(), Phase.INVESTIGATING), (resolved(), Phase.RESOLVED)):
        await store.ingest([(said, routed)])
        claim = await store.claim(token="a-replica/12345678", lease_ms=LEASE_MS)
        claim = await store.record(claim, progress(status), lease_ms=LEASE_MS)
        assert await store.settle(claim, due=None)


@pytest.mark.usefixtures("over")
@pytest.mark.parametrize("redis_kind", ["redis"])
def test_an_incident_stays_a_listpack_however_long_its_key_and_on_however_many_pages(db):
    assert db.object("encoding", f"{PREFIX}incident:shop") == b"listpack"


@pytest.mark.usefixtures("over")
async def test_its_key_and_its_group_are_read_from_it(store):
    found = await store.incident("shop")
    assert found.incident.group == GROUP
    assert found.incident.key == (
        'shop-route{alertname="HighErrorRate",cluster="prod-eu-west-1",namespace="checkout",team="payments"}'
    )


@pytest.mark.usefixtures("over")
async def test_what_it_holds_on_each_page_is_given_up_with_its_posts(store, db):
    assert {each.decode() for each in db.hkeys(f"{PREFIX}remotes")} == {f"{REMOTE}{nth}" for nth in range(3)}
    await store.ingest([(firing("again"), replace(to(), group=GROUP))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    kept = {"v1": claim.incident.progress.posts["v1"]}
    assert await store.record(claim, replace(claim.incident.progress, posts=kept), lease_ms=LEASE_MS)
    assert db.hgetall(f"{PREFIX}remotes") == {f"{REMOTE}0".encode(): b"shop"}
