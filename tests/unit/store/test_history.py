"""The history of an incident: true to what was recorded, in order, and bounded."""

from __future__ import annotations

import msgspec
import pytest

from bridge.config.schema import Limits
from bridge.core.history import What, entry
from bridge.model import Phase, Post, Progress, PublicNote, Severity
from bridge.store import Claim, Store
from bridge.store.connect import connect
from bridge.store.told import PackedTold
from tests.unit.store.builders import END, LEASE_MS, MINUTE, PREFIX, firing, keys, resolved, to

KEY = f"{PREFIX}history:shop"
BEGUN = entry(What.WRITE_BEGUN, page="v1", write="open")
DONE = entry(What.WRITE_DONE, page="v1", write="open", code=201, ms=35)
NOT_SENT = entry(What.WRITE_NOT_SENT, page="v1", write="open", code=503, ms=20)
PHASE = entry(What.PHASE, phase="INVESTIGATING")
PROGRESS = Progress(phase=Phase.INVESTIGATING)


class Recorder:
    """Records under one lease, one entry or more at a time."""

    def __init__(self, store, claim):
        self._store = store
        self.claim = claim
        self.number = 0

    async def __call__(self, *told, number=None, **options):
        self.number += 1
        claim = await self._store.record(
            self.claim, PROGRESS, lease_ms=LEASE_MS, history=told, number=number or self.number, **options
        )
        assert claim is not None
        return claim


@pytest.fixture
async def record(store):
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    return Recorder(store, claim)


async def history(store, id_="shop"):
    """What is told, but for the facts."""
    found = await store.incident(id_)
    return [each for each in found.history if not each.what.startswith("alerts_")]


async def words(store, id_="shop"):
    return [each.what for each in await history(store, id_)]


async def test_what_is_recorded_is_told_in_order_with_its_time(store, record):
    claim = await record(PHASE, entry(What.ADOPTED, page="v1", remote_id="r"))
    told = await history(store)
    assert [(each.what, each.by, each.detail) for each in told] == [
        ("phase", "bridge", {"phase": "INVESTIGATING"}),
        ("adopted", "bridge", {"page": "v1", "remote_id": "r"}),
    ]
    assert {each.at for each in told} == {claim.now}


async def test_a_lost_lease_tells_nothing(store, record, clock):
    clock.advance(LEASE_MS + MINUTE)
    assert await store.record(record.claim, PROGRESS, lease_ms=LEASE_MS, history=[PHASE], number=1) is None
    assert await history(store) == []


async def test_a_record_that_is_sent_twice_tells_once(store, record):
    await record(PHASE, number=7)
    await record(PHASE, number=7)
    assert [each.detail for each in await history(store)] == [{"phase": "INVESTIGATING"}]


async def test_the_outcome_of_a_write_takes_the_place_of_its_beginning(store, record):
    await record(BEGUN)
    await record(DONE)
    assert await words(store) == ["write_done"]


async def test_the_beginning_of_a_write_stays_where_something_came_between_or_it_was_on_another_page(store, record):
    await record(BEGUN)
    await record(PHASE, DONE)
    await record(BEGUN)
    await record(entry(What.WRITE_DONE, page="v3:shop"))
    assert await words(store) == ["write_begun", "phase", "write_done", "write_begun", "write_done"]


async def test_the_same_again_is_counted(store, record):
    for _ in range(5):
        await record(BEGUN)
        await record(NOT_SENT)
    (told,) = await history(store)
    assert (told.what, told.detail["times"]) == ("write_not_sent", 5)
    assert told.detail["till"] >= told.at


async def test_what_is_to_be_told_once_is_not_told_again(store, record):
    edit = entry(What.EDITED_BY_HAND, once=True, page="v1", severity="CRITICAL")
    await record(edit, PHASE)
    await record(edit)
    assert await words(store) == ["edited_by_hand", "phase"]


async def test_a_full_history_keeps_the_newest_and_says_how_many_are_gone(store, record):
    for number in range(250):
        await record(entry(What.ADOPTED, page="v1", remote_id=str(number)))
    told = await history(store)
    assert 80 <= len(told) <= 100
    assert [each.detail["remote_id"] for each in told[1:]] == [str(n) for n in range(251 - len(told), 250)]
    assert told[0].what == "left_out"
    assert told[0].detail["entries"] + len((await store.incident("shop")).history) - 1 == 251


async def test_a_history_takes_at_most_eight_kib_of_redis(record, db):
    for number in range(300):
        await record(entry(What.WRITE_REFUSED, page=f"v3:{number}", reason='€\n"\\' * 1_000))
        assert db.memory_usage(KEY) <= 8192, number
        assert db.llen(KEY) <= 100
        assert int(db.hget(f"{PREFIX}incident:shop", "history_bytes")) == sum(map(len, db.lrange(KEY, 0, -1)))


async def test_a_history_that_an_incident_of_before_left_is_not_taken_for_its_own(store, db):
    db.rpush(KEY, '[1,"phase","bridge",{}]')
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    await Recorder(store, claim)(PHASE)
    assert [each.at > 1 for each in await history(store)] == [True]


async def test_an_ended_episode_keeps_its_history_and_the_next_begins_with_what_began_it(store, record, db, clock):
    await record(PHASE, DONE)
    await store.settle(record.claim, due=None)
    await store.ingest([(resolved(), to())])
    clock.advance(60 * MINUTE)
    await store.ingest([(firing("b"), to())])
    claim = await store.claim(token="u", lease_ms=LEASE_MS)
    again = Recorder(store, claim)
    await again(entry(What.EPISODE_BEGAN), archive=msgspec.json.encode(claim.incident), retention_ms=MINUTE)
    assert await words(store) == ["episode_began"]
    assert await words(store, "shop.1") == ["phase", "write_done"]
    assert 0 < db.pttl(f"{KEY}.1") <= MINUTE


async def test_a_dropped_incident_leaves_no_history(store, record, db):
    await record(PHASE)
    await store.settle(record.claim, due=None)
    await store.ingest([(resolved(), to())])
    claim = await store.claim(token="u", lease_ms=LEASE_MS)
    assert await store.drop(claim)
    assert not any("history" in key for key in keys(db))


async def facts(store, id_="shop"):
    found = await store.incident(id_)
    return [(each.what, each.by, each.detail) for each in found.history]


async def test_alerts_that_begin_and_end_are_told_by_name(store):
    await store.ingest([(firing("a"), to())])
    await store.ingest([(resolved("a"), to())])
    assert await facts(store) == [
        ("alerts_began", "sender", {"alerts": ["a"]}),
        ("alerts_ended", "sender", {"alerts": ["a"]}),
    ]


async def test_a_large_delivery_names_a_few_and_counts_the_rest(store):
    await store.ingest([(firing(f"a{number}"), to()) for number in range(3_001)])
    ((what, _, detail),) = await facts(store)
    assert (what, len(detail["alerts"]), detail["more"]) == ("alerts_began", 3, 2_998)


async def test_a_repeat_tells_nothing_and_costs_nothing(store, db):
    await store.ingest([(firing(), to())])
    before = await facts(store)
    db.config_resetstat()
    await store.ingest([(firing(), to())])
    assert "cmdstat_lrange" not in db.info("commandstats")
    assert await facts(store) == before


async def test_alerts_that_trickle_in_become_one_entry_and_those_of_hours_later_another(store, clock):
    for number in range(250):
        if number in {100, 200}:
            clock.advance(60 * MINUTE)
        await store.ingest([(firing(f"a{number}"), to())])
    told = await facts(store)
    assert len(told) <= 100
    assert [each[2].get("more", 0) for each in told[:2]] == [97, 97]
    assert sum(len(each[2]["alerts"]) + each[2].get("more", 0) for each in told) == 250


async def test_what_was_counted_of_a_storm_comes_before_what_is_told_next(store, record):
    for number in range(10):
        await store.ingest([(firing(f"a{number}"), to())])
    await record(PHASE, DONE)
    for number in range(10):
        await store.ingest([(resolved(f"a{number}"), to())])
    told = await facts(store)
    assert [(each[0], each[2].get("more")) for each in told] == [
        ("alerts_began", 8),  # with the one of the fixture
        ("phase", None),
        ("write_done", None),
        ("alerts_ended", 7),
    ]


async def test_an_alert_of_a_storm_adds_no_entry_and_no_command(store, db):
    for number in range(4):
        await store.ingest([(firing(f"a{number}"), to())])
    entries = db.llen(KEY)
    db.config_resetstat()
    for number in range(4, 50):
        await store.ingest([(firing(f"a{number}"), to())])
    assert db.llen(KEY) == entries
    assert "cmdstat_rpush" not in db.info("commandstats")


async def test_an_alert_that_counts_otherwise_under_another_configuration_is_told_of_the_operator(store):
    await store.ingest([(firing(), to())])
    await store.ingest([(firing(), to(severity=Severity.CRITICAL, services=("checkout", "search")))])
    assert (await facts(store))[1] == (
        "alerts_changed",
        "operator",
        {"alerts": ["a"], "counts": "checkout CRITICAL, search CRITICAL"},
    )


async def test_an_acknowledgment_is_told_of_a_person(store):
    await store.ingest([(firing(observed_at=END), to())])
    await store.ingest([(firing(observed_at=END + 1, acknowledged=True), to())])
    assert [each[:2] for each in await facts(store)] == [("alerts_began", "sender"), ("alerts_changed", "person")]


async def test_a_held_alert_is_told_and_so_is_that_it_counts(store, clock):
    await store.ingest([(firing(), to())])
    await store.ingest([(resolved(), to())])
    await store.ingest([(firing(), to())])
    clock.advance(60 * MINUTE)
    await store.claim(token="t", lease_ms=LEASE_MS)
    assert [each[:2] for each in await facts(store)] == [
        ("alerts_began", "sender"),
        ("alerts_ended", "sender"),
        ("alerts_held", "sender"),
        ("alerts_trusted", "bridge"),
    ]


async def test_an_alert_beyond_the_limits_is_told_where_an_incident_is(redis_url):
    store = Store(connect(redis_url), limits=lambda: Limits(alerts=1))
    await store.ingest([(firing("a"), to())])
    await store.ingest([(firing("b"), to())])
    assert (await facts(store))[1] == ("alerts_refused", "sender", {"alerts": ["b"], "limit": "alerts"})
    await store.close()


async def test_what_is_refused_for_want_of_memory_takes_none(store, monkeypatch):
    await store.ingest([(firing("a"), to())])
    before = await facts(store)

    async def is_short(_: int) -> bool:
        return True

    monkeypatch.setattr(store._room, "is_short", is_short)  # noqa: SLF001 - Redis is almost full
    (change,) = await store.ingest([(firing("b"), to())])
    assert change.outcome == "over_memory"
    assert await facts(store) == before


async def test_another_configuration_is_told_where_something_stands_on_a_page(store, record):
    remote = Progress(posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING)})
    await store.record(record.claim, remote, lease_ms=LEASE_MS)
    await store.config_changed("one", ["shop-route"])
    await store.config_changed("one", ["shop-route"])
    await store.config_changed("two", ["another"])
    assert [(each.what, each.by) for each in await history(store)] == [
        *[("config_changed", "operator")] * 1,
        ("route_gone", "operator"),
    ]


async def test_what_is_left_of_an_incident_that_another_release_forgot_is_told_of_none(store, record, db):
    id_ = record.claim.incident.id
    stale = b'[1,"write_done","bridge",{"page":"v1"}]'
    db.delete(f"{PREFIX}history:{id_}")
    db.rpush(f"{PREFIX}history:{id_}", stale)
    db.hdel(f"{PREFIX}incident:{id_}", "history_bytes")  # so it is of an incident that the release before began
    assert await history(store) == []
    edited = entry(What.EDITED_BY_HAND, page="v1", once=True)
    await store.record(record.claim, Progress(), lease_ms=LEASE_MS, history=(edited,), number=8)
    assert [each.what for each in await history(store)] == ["edited_by_hand"]


async def test_another_configuration_revives_nothing_that_redis_has_evicted(store, record, db):
    remote = Progress(posts={"v1": Post(remote_id="r", status=Phase.INVESTIGATING)})
    await store.record(record.claim, remote, lease_ms=LEASE_MS)
    key = f"{PREFIX}incident:{record.claim.incident.id}"
    db.delete(key)
    await store.config_changed("one", ["shop-route"])
    assert not db.hexists(key, "history_bytes")


async def test_words_for_the_public_are_told_without_the_words(store):
    await store.ingest([(firing(observed_at=END), to())])
    note = PublicNote(source="alertmanager", fingerprint="a", text="SECRET", observed_at=END, event_id="e")
    await store.public_note(note)
    assert (await facts(store))[1] == ("note_written", "person", {"alert": "a"})


async def test_hostile_names_are_bounded_and_readable(store, db):
    names = ["€" * 100, "\x00\x1b[31m" * 20, '"}],[' * 30, "x" * 127]
    for name in names:
        await store.ingest([(firing(name), to())])
        await store.ingest([(resolved(name), to())])
    for what, _, detail in await facts(store):
        assert what in {"alerts_began", "alerts_ended"}
        assert all(len(name.encode()) <= 63 for name in detail["alerts"])
    assert db.memory_usage(KEY) <= 8192


async def test_a_storm_does_not_push_out_what_was_written_on_the_page(store, record, clock):
    await record(PHASE, DONE)
    for number in range(200):
        clock.advance(2 * MINUTE)
        await store.ingest([(firing(f"a{number}"), to())])
    assert await words(store) == ["left_out", "phase", "write_done"]
    assert len(await facts(store)) <= 100


async def test_an_alert_is_told_by_its_name_where_that_is_kept(redis_url):
    store = Store(connect(redis_url), tell=lambda alert: PackedTold(text=f'["Down {alert.fingerprint}",{{}}]'))
    await store.ingest([(firing("a"), to()), (firing("b"), to())])
    await store.ingest([(resolved("a"), to())])
    assert [each[2] for each in await facts(store)] == [{"alerts": ["Down a", "Down b"]}, {"alerts": ["Down a"]}]
    await store.close()
