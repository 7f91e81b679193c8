from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from bridge.model import Clocks, Intent, Phase, Post, Progress, Retry, Severity, UpdateKind, Write
from bridge.store import Claim, Idle, Store
from bridge.store.results import Overview
from bridge.store.store import PROBE_MS
from tests.unit.store.builders import (
    END,
    LEASE_MS,
    MINUTE,
    PREFIX,
    all_of,
    contents,
    firing,
    held_by,
    keys,
    resolved,
    to,
)

if TYPE_CHECKING:
    from tests.unit.store.clock import Clock

PROGRESS = Progress(
    phase=Phase.INVESTIGATING, phase_since=5, posts={"v1": Post(remote_id="r", severity=Severity.MAJOR)}, note="n"
)
BEGUN = Post(
    intent=Intent(
        write=Write.OPEN,
        status=Phase.INVESTIGATING,
        kind=UpdateKind.OPEN,
        severity=Severity.MAJOR,
        services=("checkout",),
        labels={},
        name="n",
        text="t",
        notify=False,
        public_at=1,
        recorded_at=1,
    )
)
DAY = 24 * 60 * MINUTE


async def claimed(store: Store, token: str = "t") -> Claim:  # noqa: S107 - a lease's, no secret
    claim = await store.claim(token=token, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    return claim


@pytest.fixture
async def one(store):
    """One incident with one firing alert, due."""
    await store.ingest([(firing(), to())])


async def test_an_empty_store_has_nothing_to_claim(store, clock):
    before = clock.now
    idle = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(idle, Idle)
    assert (idle.next_at, idle.paused) == (None, False)
    assert before <= idle.now <= clock.now


@pytest.mark.usefixtures("one")
async def test_a_claim_carries_the_incident_and_redis_time(store, clock):
    before = clock.now
    claim = await claimed(store)
    incident, _ = await held_by(store)
    assert claim.incident == incident
    assert before <= claim.now <= clock.now
    assert not claim.probing


async def test_the_most_overdue_incident_comes_first(store, clock):
    for name in ("shop", "bank", "mail"):
        await store.ingest([(firing(name), to(name))])
        clock.advance(MINUTE)
    assert [(await claimed(store)).incident.id for _ in range(3)] == ["shop", "bank", "mail"]


async def one_over_and_one_new(store: Store, clock: Clock) -> None:
    """Two are due: one began long ago, the other stands open on a page and has just cleared."""
    await store.ingest([(firing("a"), to("over"))])
    shown = await store.record(await claimed(store), PROGRESS, lease_ms=LEASE_MS)
    assert shown is not None
    await store.settle(shown, due=None)
    await store.ingest([(firing("b"), to("new"))])
    clock.advance(MINUTE)
    await store.ingest([(resolved("a"), to("over"))])


async def test_what_is_over_but_still_shown_comes_before_what_is_more_overdue(store, clock):
    await one_over_and_one_new(store, clock)
    assert [(await claimed(store)).incident.id for _ in range(2)] == ["over", "new"]


async def test_what_changes_while_it_is_shown_comes_between_what_is_over_and_what_is_new(store, db, clock):
    await one_over_and_one_new(store, clock)
    claim = await claimed(store)
    await store.ingest([(firing("c"), to("over"))])
    await store.settle(claim, due=claim.now)
    assert "cleared" not in contents(db)
    assert [(await claimed(store)).incident.id for _ in range(2)] == ["over", "new"]


async def test_what_is_due_keeps_its_place_when_one_alert_of_many_ends(store, clock):
    await store.ingest([(firing("a"), to()), (firing("b"), to())])
    await store.ingest([(firing("c"), to("bank", severity=Severity.MINOR))])
    clock.advance(MINUTE)
    await store.ingest([(resolved("a"), to())])  # starts a timer, and changes nothing that a page shows
    assert (await claimed(store)).incident.id == "shop"


async def test_what_was_told_over_takes_its_turn_by_age(store, db, clock):
    await one_over_and_one_new(store, clock)
    told = replace(PROGRESS, posts={"v1": Post(remote_id="r", status=Phase.RESOLVED)})
    claim = await store.record(await claimed(store), told, lease_ms=LEASE_MS)
    assert claim is not None
    await store.settle(claim, due=claim.now)
    assert not {"cleared", "shown"} & contents(db).keys()
    assert [(await claimed(store)).incident.id for _ in range(2)] == ["new", "over"]


async def test_what_may_be_open_is_over_like_what_is(store, clock):
    await store.ingest([(firing("a"), to("over"))])
    begun = await store.record(await claimed(store), replace(PROGRESS, posts={"v1": BEGUN}), lease_ms=LEASE_MS)
    assert begun is not None
    await store.settle(begun, due=None)
    await store.ingest([(firing("b"), to("new"))])
    clock.advance(MINUTE)
    await store.ingest([(resolved("a"), to("over"))])
    assert [(await claimed(store)).incident.id for _ in range(2)] == ["over", "new"]


async def two_pages_and_one_new(store: Store, clock: Clock) -> None:
    """Two are due: one began long ago; the other goes on, but for what one of its two pages shows, maybe."""
    await store.ingest([(firing("a"), to("half")), (firing("b"), to("half", services=("payments",)))])
    two = replace(PROGRESS, posts={page: Post(remote_id=page) for page in ("v3:a", "v3:b")})
    shown = await store.record(await claimed(store), two, lease_ms=LEASE_MS)
    assert shown is not None
    await store.settle(shown, due=None)
    await store.ingest([(firing("c"), to("new"))])
    clock.advance(MINUTE)
    await store.ingest([(resolved("b"), to("half", services=("payments",)))])


async def test_a_page_that_is_over_comes_first_though_another_page_goes_on(store, db, clock):
    await two_pages_and_one_new(store, clock)
    assert "cleared" in contents(db)
    claim = await store.claim(token="t", lease_ms=LEASE_MS, ends_alone=True)
    assert isinstance(claim, Claim)
    assert claim.incident.id == "half"
    ended = {"v3:a": Post(remote_id="v3:a"), "v3:b": Post(remote_id="v3:b", clocks=Clocks(quiet_at=claim.now))}
    recorded = await store.record(claim, replace(PROGRESS, posts=ended), lease_ms=LEASE_MS)
    assert recorded is not None
    await store.settle(recorded, due=recorded.now + MINUTE)
    assert "cleared" in contents(db), "its end is still to be told"
    clock.advance(MINUTE)
    claim = await store.claim(token="t", lease_ms=LEASE_MS, ends_alone=True)
    assert isinstance(claim, Claim)
    told = replace(ended["v3:b"], status=Phase.RESOLVED)
    recorded = await store.record(claim, replace(PROGRESS, posts=ended | {"v3:b": told}), lease_ms=LEASE_MS)
    assert recorded is not None
    await store.settle(recorded, due=recorded.now)
    assert "cleared" not in contents(db)


async def test_a_service_that_eases_is_no_end_where_there_is_one_page(store, db, clock):
    await store.ingest([(firing("a"), to("half")), (firing("b"), to("half", services=("payments",)))])
    claim = await store.record(await claimed(store), PROGRESS, lease_ms=LEASE_MS)
    assert claim is not None
    await store.settle(claim, due=None)
    clock.advance(MINUTE)
    await store.ingest([(resolved("b"), to("half", services=("payments",)))])
    assert "cleared" not in contents(db)
    assert "shown" in contents(db)


async def test_a_probe_goes_by_age_alone(store, clock):
    await one_over_and_one_new(store, clock)
    await store.pause("401", now=clock.now)
    clock.advance(PROBE_MS)
    assert (await claimed(store)).incident.id == "new"


async def test_nobody_gets_a_leased_incident_for_being_over(store, db, clock):
    await one_over_and_one_new(store, clock)
    await claimed(store)
    db.zadd(f"{PREFIX}cleared", {"over": clock.now, "gone": 1})  # as a bridge that knows nothing of that list leaves it
    assert (await claimed(store)).incident.id == "new"
    assert isinstance(await store.claim(token="other", lease_ms=LEASE_MS), Idle)
    assert "gone" not in contents(db)["cleared"]


@pytest.mark.usefixtures("one")
async def test_nobody_else_gets_a_leased_incident_until_the_lease_ends(store, clock):
    first = await claimed(store, "first")
    idle = await store.claim(token="second", lease_ms=LEASE_MS)
    assert isinstance(idle, Idle)
    assert idle.next_at == first.now + LEASE_MS
    clock.advance(LEASE_MS)
    assert (await claimed(store, "second")).incident.id == "shop"


async def attempts(store: Store, claim: Claim) -> tuple[bool, bool, bool]:
    """What each of the three writes under a lease says."""
    return (
        await store.record(claim, PROGRESS, lease_ms=LEASE_MS, archive=b"x") is not None,
        await store.drop(claim),
        await store.settle(claim, due=None),
    )


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("loss", ["never had", "expired", "taken over", "given back", "dropped"])
async def test_without_the_lease_nothing_is_written(store, db, clock, loss):
    await store.ingest([(resolved(), to())])
    claim = await claimed(store)
    if loss == "never had":
        claim = replace(claim, token="forged")
    elif loss == "given back":
        await store.settle(claim, due=None)
    elif loss == "dropped":
        assert await store.drop(claim)
    else:
        clock.advance(LEASE_MS)
        if loss == "taken over":
            await claimed(store, "other")
    before = contents(db)
    assert await attempts(store, claim) == (False, False, False)
    assert contents(db) == before


@pytest.mark.usefixtures("one")
async def test_a_record_is_kept_and_extends_the_lease(store, clock):
    claim = await claimed(store)
    clock.advance(LEASE_MS - 10_000)
    later = await store.record(claim, PROGRESS, lease_ms=LEASE_MS)
    assert later.incident.progress == PROGRESS
    assert later.token == claim.token
    clock.advance(LEASE_MS - 10_000)
    assert isinstance(await store.claim(token="other", lease_ms=LEASE_MS), Idle)
    assert await store.settle(later, due=None)
    assert (await held_by(store, "shop"))[0].progress == PROGRESS


@pytest.mark.usefixtures("one")
async def test_a_record_returns_the_facts_of_now(store):
    claim = await claimed(store)
    await store.ingest([(firing("b"), to(services=("cart",)))])
    later = await store.record(claim, PROGRESS, lease_ms=LEASE_MS)
    assert set(later.incident.summary.services) == {"cart", "checkout"}
    assert later.incident.revision == claim.incident.revision + 1


@pytest.mark.usefixtures("one")
async def test_settled_it_comes_back_when_it_is_due(store):
    claim = await claimed(store)
    due = claim.now + 5 * MINUTE
    assert await store.settle(claim, due=due)
    assert (await store.claim(token="t", lease_ms=LEASE_MS)).next_at == due


@pytest.mark.usefixtures("one")
async def test_settled_without_a_time_it_rests_but_stays_listed(store, clock):
    assert await store.settle(await claimed(store), due=None)
    clock.advance(365 * DAY)
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Idle)
    assert [incident.id for incident in await all_of(store)] == ["shop"]


@pytest.mark.usefixtures("one")
async def test_settled_with_facts_that_moved_meanwhile_it_is_due_now(store):
    claim = await claimed(store)
    await store.ingest([(firing("b"), to(services=("cart",)))])
    assert await store.settle(claim, due=claim.now + DAY)
    assert (await claimed(store)).incident.revision == claim.incident.revision + 1


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize(("asked_ms", "timer_first"), [(None, True), (DAY, True), (MINUTE, False)])
async def test_settled_it_is_due_no_later_than_its_alerts_timers(store, clock, asked_ms, timer_first):
    before = clock.now
    await store.ingest([(firing("b"), to()), (resolved("b"), to())])
    claim = await claimed(store)
    assert await store.settle(claim, due=None if asked_ms is None else claim.now + asked_ms)
    next_at = (await store.claim(token="t", lease_ms=LEASE_MS)).next_at
    if timer_first:
        assert before + 15 * MINUTE <= next_at <= clock.now + 15 * MINUTE
    else:
        assert next_at == claim.now + asked_ms


@pytest.mark.usefixtures("one")
async def test_what_only_starts_a_timer_wakes_a_resting_incident_in_time(store, clock):
    await store.ingest([(firing("b"), to())])
    await store.settle(await claimed(store), due=None)
    before = clock.now
    await store.ingest([(resolved("b"), to())])
    idle = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(idle, Idle)
    assert before + 15 * MINUTE <= idle.next_at <= clock.now + 15 * MINUTE


async def test_an_ended_episode_is_archived_for_its_time_and_the_next_begins(store, db, clock):
    await store.ingest([(firing(), to())])
    claim = await claimed(store)
    ended = replace(claim.incident, progress=PROGRESS)
    later = await store.record(
        claim, Progress(), lease_ms=LEASE_MS, archive=msgspec.json.encode(ended), retention_ms=DAY
    )
    assert later.incident.episode == 2
    assert await held_by(store, "shop.1") == (ended, [])
    assert 0 < db.pttl("bridge:{0}:episode:shop.1") <= DAY
    clock.advance(DAY)
    assert await store.incident("shop.1") is None


@pytest.mark.parametrize("end", ["just resolved", "partly forgotten"])
async def test_a_dropped_incident_leaves_nothing_behind(store, db, clock, end):
    names = "abcdef"
    await store.ingest([(firing(name), to(labels={"x": name})) for name in names])
    claim = await store.record(await claimed(store), PROGRESS, lease_ms=LEASE_MS)
    assert await store.settle(claim, due=None)
    await store.ingest([(resolved(name), to()) for name in names])
    if end == "partly forgotten":
        clock.advance(15 * MINUTE)
    assert await store.drop(await claimed(store))
    assert contents(db) == {}
    assert await store.incident("shop") is None


@pytest.mark.usefixtures("one")
async def test_a_dropped_incident_takes_no_alert_along_that_another_counts_by_now(store, db, clock):
    await store.ingest([(resolved(), to())])
    clock.advance(MINUTE)
    await store.ingest([(firing(starts_at=END + 1), to("bank"))])
    assert (await claimed(store)).incident.id == "bank"  # something fires there: the other needs no page
    claim = await claimed(store)
    assert claim.incident.id == "shop"
    assert await store.drop(claim)
    left = contents(db)
    hints = {"openings", "openings:3|bank-route"}
    assert set(left) == {
        *("active", "begun", "counted"),
        "due",
        "index",
        "stored",
        "tallies",
        "history:bank",
        "incident:bank",
        "incident:bank:alerts",
        "incident:bank:facets",
        *hints,
    }
    assert left["index"] == {"alertmanager/a": b"bank"}


def posted(*remote_ids: str) -> Progress:
    return Progress(posts={f"page-{number}": Post(remote_id=id_) for number, id_ in enumerate(remote_ids)})


@pytest.mark.usefixtures("one")
async def test_what_an_incident_holds_on_the_pages_is_known_as_its_own_for_as_long_as_it_holds_it(store):
    claim = await claimed(store)
    await store.record(claim, posted("r1", "r2"), lease_ms=LEASE_MS)
    assert await store.owners(["r2", "r3", "r1"]) == {"r1": "shop", "r2": "shop"}
    await store.record(claim, posted("r2", "r3"), lease_ms=LEASE_MS)
    assert await store.owners(["r1", "r2", "r3"]) == {"r2": "shop", "r3": "shop"}
    await store.record(claim, Progress(), lease_ms=LEASE_MS, archive=b"{}", retention_ms=DAY)
    assert await store.owners(["r1", "r2", "r3"]) == {}
    assert await store.owners([]) == {}


@pytest.mark.usefixtures("one")
async def test_what_an_incident_holds_under_two_pages_stays_its_own_when_one_of_them_lets_go(store):
    claim = await claimed(store)
    shared = {"v1": Post(remote_id="r"), "v3:status": Post(remote_id="r")}  # its page was migrated while it was open
    for posts in (shared, {**shared, "v1": Post()}):
        await store.record(claim, Progress(posts=posts), lease_ms=LEASE_MS)
        assert await store.owners(["r"]) == {"r": "shop"}


@pytest.mark.usefixtures("one")
async def test_of_two_that_take_over_the_same_the_second_is_told_that_it_lost(store, db):
    await store.ingest([(firing("b"), to("bank"))])
    first, second = await claimed(store), await claimed(store)
    assert await store.record(first, posted("r1"), lease_ms=LEASE_MS)
    before = contents(db)
    assert await store.record(second, posted("r1"), lease_ms=LEASE_MS) is None
    assert contents(db) == before
    assert await store.record(first, posted("r2"), lease_ms=LEASE_MS)
    assert await store.record(second, posted("r1"), lease_ms=LEASE_MS)
    assert await store.owners(["r1", "r2"]) == {"r1": second.incident.id, "r2": first.incident.id}


@pytest.mark.usefixtures("one")
async def test_ids_of_incidents_that_it_does_not_hold_are_unknown_to_it(store):
    assert await store.unknown({"shop", "bank"}) == {"bank"}
    await store.settle(await claimed(store), due=None)
    assert await store.unknown(["bank", "mail", "shop"]) == {"bank", "mail"}
    assert await store.unknown([]) == set()


@pytest.mark.usefixtures("one")
@pytest.mark.parametrize("active", ["firing", "held"])
async def test_an_incident_with_an_active_alert_cannot_be_dropped(store, active):
    if active == "held":
        await store.ingest([(resolved(), to()), (firing(), to())])
    claim = await claimed(store)
    assert not await store.drop(claim)
    assert await store.settle(claim, due=None)


async def test_resolved_alerts_are_forgotten_after_15_minutes_beyond_three_kept(store, db, clock):
    names = "abcdefgh"
    await store.ingest([(firing(name), to()) for name in names])
    for name in names:
        await store.ingest([(resolved(name), to())])
        clock.advance(MINUTE)
    clock.advance(15 * MINUTE - 8 * MINUTE)
    await store.settle(await claimed(store), due=None)
    assert len((await held_by(store, "shop"))[1]) == 7
    clock.advance(8 * MINUTE)
    await store.settle(await claimed(store), due=None)
    assert {alert.fingerprint for alert in (await held_by(store, "shop"))[1]} == set("fgh")
    assert set(db.hgetall("bridge:{0}:index")) == {b"alertmanager/f", b"alertmanager/g", b"alertmanager/h"}
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Idle)


async def test_an_incident_forgets_an_alert_for_itself_alone_when_another_counts_it_by_now(store, db, clock):
    names = "abcd"
    await store.ingest([(alert(name), to()) for alert in (firing, resolved) for name in names])
    await store.settle(await claimed(store), due=None)
    await store.ingest([(firing("a", starts_at=END + 1), to("bank"))])
    await store.settle(await claimed(store), due=None)
    clock.advance(15 * MINUTE)
    await store.settle(await claimed(store), due=None)
    assert {alert.fingerprint for alert in (await held_by(store, "shop"))[1]} == set("bcd")
    assert db.hget("bridge:{0}:index", "alertmanager/a") == b"bank"


async def test_an_alert_that_comes_back_from_another_incident_is_not_forgotten_while_it_fires(store, db, clock):
    await store.ingest([(firing(), to("shop")), (resolved(), to("shop"))])
    await store.ingest([(firing(starts_at=END + 1), to("bank")), (resolved(ends_at=END + 2), to("bank"))])
    await store.ingest([(firing(starts_at=END + 3), to("shop"))])
    assert db.keys("*:timers") == [b"bridge:{0}:incident:bank:timers"]
    clock.advance(DAY)
    while isinstance(claim := await store.claim(token="t", lease_ms=LEASE_MS), Claim):
        await store.settle(claim, due=None)
    assert [alert.status for alert in (await held_by(store, "shop"))[1]] == ["firing"]


async def test_an_alert_that_fires_is_never_forgotten(store, clock):
    names = "abcdef"
    await store.ingest([(alert(name), to()) for alert in (firing, resolved) for name in names])
    clock.advance(3 * MINUTE)
    await store.ingest([(firing(name), to()) for name in names])
    clock.advance(DAY)
    await store.settle(await claimed(store), due=None)
    assert len((await held_by(store, "shop"))[1]) == 6


async def test_incidents_are_listed_the_next_due_first(store, clock):
    for name in ("shop", "bank"):
        await store.ingest([(firing(name), to(name))])
        clock.advance(MINUTE)
    await store.settle(await claimed(store), due=None)
    assert [incident.id for incident in await all_of(store)] == ["bank", "shop"]


async def test_the_overview_counts_by_phase_and_tells_how_long_something_is_due(store, clock):
    assert await store.overview() == Overview(phases={}, parked=0, oldest_due_ms=0, paused=None)
    for name in ("shop", "bank", "mail"):
        await store.ingest([(firing(name), to(name))])
    clock.advance(MINUTE)
    parked = replace(PROGRESS, posts={"v1": Post(retry=Retry(parked="no such service"))})
    for progress in (PROGRESS, parked):
        claim = await store.record(await claimed(store), progress, lease_ms=LEASE_MS)
        await store.settle(claim, due=None)
    overview = await store.overview()
    assert (overview.phases, overview.parked) == ({"PENDING": 1, "INVESTIGATING": 2}, 1)
    assert MINUTE <= overview.oldest_due_ms < 2 * MINUTE
    await store.settle(await claimed(store), due=None)
    assert (await store.overview()).oldest_due_ms == 0
    await store.ingest([(resolved("shop"), None)])
    assert await store.drop(await claimed(store))
    assert sum((await store.overview()).phases.values()) == 2


async def test_an_incident_that_is_queued_but_gone_is_taken_from_the_queue(store, db):
    db.zadd("bridge:{0}:due", {"ghost": 1})
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Idle)
    assert keys(db) == []


async def test_what_was_read_of_posts_is_kept_for_a_week(store, db):
    await store.remember({"r1": b"one", "r2": b"two"})
    await store.remember({"r2": b"two, changed"})
    await store.remember({})
    assert await store.recall(["r2", "r3", "r1"]) == {"r1": b"one", "r2": b"two, changed"}
    assert await store.recall([]) == {}
    assert 6 * DAY < db.pttl(next(iter(db.scan_iter("*read:r1")))) <= 7 * DAY
