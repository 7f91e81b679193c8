"""Operators' actions are facts: stored by one script, once, whoever was first; and the incident is due."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from bridge.core.actions import ON_THE_PAGE, Action, in_force, take_over_on_page
from bridge.model import V1_PAGE, Intent, Phase, Post, Progress, Severity, UpdateKind, Write
from bridge.orders import Orders, Verb
from bridge.store import ActionResult, Idle, Outcome
from tests.unit.store.builders import MINUTE, PREFIX, START, firing, keys, resolved, to

INTENT = Intent(
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


def action(verb: Verb, *, by: str = "alice", reason: str = "because", **more: Any) -> Action:
    return Action(verb=verb, by=by, reason=reason, **more)


async def act(store, verb: Verb, id_: str = "shop", **more: Any) -> ActionResult:
    done: ActionResult = await store.act(id_, action(verb, **more))
    return done


async def orders(store) -> Orders:
    found: Orders = (await store.incident("shop")).incident.orders
    return found


async def fires(store) -> None:
    """It fires, somebody has looked at it, and nothing is to be done."""
    await store.ingest([(firing(), to())])
    await settle(store)


async def settle(store, progress: Progress | None = None, due: int | None = None) -> None:
    claim = await store.claim(token="t", lease_ms=30_000)
    if progress is not None:
        claim = await store.record(claim, progress, lease_ms=30_000)
    assert await store.settle(claim, due=due)


async def test_what_nobody_knows_cannot_be_acted_on(store, db):
    assert (await act(store, Verb.HOLD, "nothing")).outcome is Outcome.NOT_FOUND
    assert (await act(store, Verb.HOLD, "shop.1")).outcome is Outcome.NOT_FOUND
    assert keys(db) == []


async def test_an_action_is_kept_with_who_when_why_and_until_and_makes_its_incident_due(store):
    await fires(store)
    assert isinstance(await store.claim(token="t", lease_ms=1), Idle)
    done = await act(store, Verb.HOLD, for_ms=MINUTE)
    assert (done.outcome, done.phase) == (Outcome.DONE, "PENDING")
    claim = await store.claim(token="t", lease_ms=30_000)
    assert claim.incident.revision == done.revision
    hold = claim.incident.orders.hold
    assert (hold.by, hold.reason, hold.until) == ("alice", "because", hold.at + MINUTE)
    assert 0 <= claim.now - hold.at < MINUTE
    assert await orders(store) == claim.incident.orders
    told = (await store.incident("shop")).history[-1]
    detail = {"verb": "hold", "reason": "because", "until": hold.until}
    assert (told.at, told.what, told.by, told.detail) == (hold.at, "action", "operator:alice", detail)


async def test_the_history_keeps_the_reason_when_the_order_is_over(store):
    await fires(store)
    reason = "customers of the new contract would be told of a test that only ran in our own region, ticket OPS-4711"
    for said in (reason, "é" * 300):
        await act(store, Verb.HOLD, reason=said)
        await act(store, Verb.RELEASE, reason="")
    told = [each.detail["reason"] for each in (await store.incident("shop")).history if each.what == "action"]
    assert told == [reason, "", "é" * 98 + "…", ""]


async def test_what_comes_while_the_incident_is_in_hand_makes_it_due_at_once_afterwards(store):
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="t", lease_ms=30_000)
    await act(store, Verb.HOLD)
    assert await store.settle(claim, due=None)
    assert (await store.claim(token="t", lease_ms=30_000)).incident.orders.hold is not None


async def test_the_same_key_is_carried_out_once(store):
    await fires(store)
    assert (await act(store, Verb.HOLD, key="k")).outcome is Outcome.DONE
    assert (await act(store, Verb.RELEASE)).outcome is Outcome.DONE
    assert (await act(store, Verb.HOLD, key="k")).outcome is Outcome.REPEAT
    assert (await orders(store)).hold is None
    assert (await act(store, Verb.HOLD, key="another")).outcome is Outcome.DONE


async def test_a_key_that_was_used_for_something_else_is_not_taken_for_its_repetition(store):
    await fires(store)
    await act(store, Verb.HOLD, key="k")
    other = await act(store, Verb.RELEASE, key="k")
    assert (other.outcome, other.why) == (Outcome.CONFLICT, "this key was used for another action")
    assert (await orders(store)).hold is not None
    for name in ("a", "b"):
        await store.ingest([(firing(name), to())])
    assert (await act(store, Verb.MUTE, key="m", alert="a")).outcome is Outcome.DONE
    assert (await act(store, Verb.MUTE, key="m", alert="b")).outcome is Outcome.CONFLICT
    assert (await act(store, Verb.MUTE, key="m", alert="a")).outcome is Outcome.REPEAT


async def test_a_key_that_another_release_knows_is_known(store, db):
    await fires(store)
    await act(store, Verb.HOLD, key="k")
    (known,) = [key for key in keys(db) if "acted:" in key]
    db.set(known, 1)
    assert (await act(store, Verb.HOLD, key="k")).outcome is Outcome.REPEAT


async def test_what_is_done_again_has_an_entry_of_its_own(store):
    await fires(store)
    for _ in range(2):
        assert (await act(store, Verb.RETRY)).outcome is Outcome.DONE
    told = [each for each in (await store.incident("shop")).history if each.what == "action"]
    assert [(each.by, each.detail["verb"], each.detail.get("times")) for each in told] == [
        ("operator:alice", "retry", None),
        ("operator:alice", "retry", None),
    ]


async def test_what_was_refused_may_come_again_with_the_same_key(store):
    await fires(store)
    assert (await act(store, Verb.RELEASE, key="k")).outcome is Outcome.NOT_POSSIBLE
    await act(store, Verb.HOLD)
    assert (await act(store, Verb.RELEASE, key="k")).outcome is Outcome.DONE


@pytest.mark.parametrize("verb", [Verb.DISMISS, Verb.PUBLISH])
async def test_of_two_operators_at_once_the_first_wins_and_the_second_is_told(store, verb):
    await fires(store)
    first, second = await asyncio.gather(act(store, verb), act(store, verb, by="bob"))
    assert (first.outcome, second.outcome) == (Outcome.DONE, Outcome.CONFLICT)
    assert (second.by, second.why) == ("alice", f"alice was first: {verb}")


async def test_who_decides_on_what_has_changed_is_told(store):
    await fires(store)
    seen = (await store.incident("shop")).incident.revision
    await store.ingest([(firing("b"), to(severity=Severity.CRITICAL))])
    late = await act(store, Verb.PUBLISH, revision=seen)
    assert late.outcome is Outcome.CONFLICT
    assert late.revision > seen
    assert (await act(store, Verb.HOLD, revision=seen)).outcome is Outcome.DONE  # whatever it has become
    assert (await act(store, Verb.PUBLISH, by="bob", revision=seen)).by == "alice"
    now = (await store.incident("shop")).incident.revision
    assert (await act(store, Verb.PUBLISH, by="bob", revision=now)).outcome is Outcome.DONE


async def test_what_is_visible_cannot_be_dismissed_any_more(store):
    await store.ingest([(firing(), to())])
    opening = Progress(phase=Phase.INVESTIGATING, posts={V1_PAGE: Post(intent=INTENT)})
    await settle(store, opening)
    assert (await act(store, Verb.DISMISS)).outcome is Outcome.TOO_LATE
    assert (await act(store, Verb.PUBLISH)).outcome is Outcome.TOO_LATE
    assert (await act(store, Verb.HOLD)).outcome is Outcome.DONE


async def test_what_a_person_ended_is_published_only_once_something_fires_since(store):
    await fires(store)
    await act(store, Verb.RETRY)  # wakes it
    claim = await store.claim(token="t", lease_ms=30_000)
    ended = Progress(phase=Phase.RESOLVED, posts={V1_PAGE: Post(remote_id="r", closed_at=claim.now)})
    assert await store.settle(await store.record(claim, ended, lease_ms=30_000), due=None)
    refused = await act(store, Verb.PUBLISH)
    assert (refused.outcome, refused.why) == (
        Outcome.NOT_POSSIBLE,
        "a person ended it: it stays so until all its alerts are over and one fires anew",
    )
    await store.ingest([(firing("b"), to())])
    assert (await act(store, Verb.PUBLISH)).outcome is Outcome.DONE


async def test_the_latest_decision_counts(store):
    await fires(store)
    await act(store, Verb.PUBLISH)
    await act(store, Verb.DISMISS)
    assert (await orders(store)).publish is None
    await act(store, Verb.PUBLISH, quiet=True)
    assert (await orders(store)).dismiss is None
    published = (await orders(store)).publish
    assert published is not None
    assert published.quiet
    await act(store, Verb.HOLD)
    assert (await orders(store)).publish is None


@pytest.mark.parametrize("verb", [Verb.DISMISS, Verb.PUBLISH])
async def test_a_decision_on_an_outage_ends_with_it(store, clock, verb):
    await fires(store)
    await act(store, verb)
    detail = await store.incident("shop")
    assert in_force(detail.incident, clock.now) == detail.incident.orders
    clock.advance(MINUTE)
    await store.ingest([(resolved(), to())])
    assert in_force((await store.incident("shop")).incident, clock.now) == Orders()
    clock.advance(10 * MINUTE)
    await store.ingest([(firing("b"), to())])
    assert in_force((await store.incident("shop")).incident, clock.now) == Orders()
    assert (await act(store, Verb.DISMISS if verb is Verb.PUBLISH else Verb.PUBLISH, by="bob")).outcome is Outcome.DONE


async def test_nothing_is_decided_of_what_does_not_fire(store):
    await fires(store)
    await store.ingest([(resolved(), to())])
    for verb in (Verb.PUBLISH, Verb.DISMISS):
        assert (await act(store, verb)).outcome is Outcome.NOT_POSSIBLE


async def test_a_hold_ends_in_time(store):
    await fires(store)
    await act(store, Verb.HOLD, for_ms=MINUTE)
    incident = (await store.incident("shop")).incident
    assert in_force(incident, incident.orders.hold.until - 1).hold is not None
    assert in_force(incident, incident.orders.hold.until).hold is None


async def test_orders_that_are_over_are_forgotten_unless_they_were_given_anew(store, clock):
    await fires(store)
    await act(store, Verb.HOLD)
    claim = await store.claim(token="t", lease_ms=30_000)
    over = claim.incident.orders
    clock.advance(1)
    await act(store, Verb.HOLD, reason="anew")
    claim = await store.record(claim, claim.incident.progress, lease_ms=30_000, over=over)
    assert claim.incident.orders.hold.reason == "anew"
    claim = await store.record(claim, claim.incident.progress, lease_ms=30_000, over=claim.incident.orders)
    assert claim.incident.orders == Orders()


async def test_what_is_forgotten_takes_its_orders_with_it(store, db):
    await fires(store)
    await act(store, Verb.HOLD, key="")
    await store.ingest([(resolved(), to())])
    claim = await store.claim(token="t", lease_ms=30_000)
    assert await store.drop(claim)
    assert f"{PREFIX}incident:shop:orders" not in keys(db)


async def test_orders_of_an_incident_that_an_older_release_forgot_are_not_those_of_the_next(store, db):
    await fires(store)
    await act(store, Verb.HOLD)
    for part in ("", ":alerts", ":facets", ":timers", ":progress"):  # the keys that it knows
        db.delete(f"{PREFIX}incident:shop{part}")
    db.zrem(f"{PREFIX}due", "shop")
    db.hdel(f"{PREFIX}index", "alertmanager/a")
    await fires(store)
    assert await orders(store) == Orders()
    await act(store, Verb.DISMISS)
    assert (await orders(store)).hold is None


OPENED = Progress(phase=Phase.INVESTIGATING, posts={V1_PAGE: Post(remote_id="r", status=Phase.INVESTIGATING)})


async def stands(store) -> None:
    """It fires, and stands open on the page."""
    await store.ingest([(firing(), to())])
    await settle(store, OPENED)


@pytest.mark.parametrize("verb", [Verb.SAY, Verb.RESOLVE])
async def test_only_of_what_stands_open_is_anything_said_or_ended(store, verb):
    await fires(store)
    assert (await act(store, verb, text="We are on it.")).outcome is Outcome.NOT_POSSIBLE
    await store.ingest([(firing("b"), to(severity=Severity.CRITICAL))])
    await settle(store, OPENED)
    assert (await act(store, verb, text="We are on it.")).outcome is Outcome.DONE


async def test_what_is_said_is_cleaned_and_kept_once_for_the_public(store):
    await stands(store)
    said: dict[str, Any] = {
        "text": "See https://evil.example <b>now</b>",
        "status": Phase.IDENTIFIED,
        "notify": True,
        "key": "k",
    }
    assert (await act(store, Verb.SAY, **said)).outcome is Outcome.DONE
    assert (await act(store, Verb.SAY, **said)).outcome is Outcome.REPEAT
    (note,) = (await store.claim(token="t", lease_ms=30_000)).incident.summary.public_notes
    assert (note.source, note.status, note.notify) == ("operator", Phase.IDENTIFIED, True)
    assert "http" not in note.text
    assert "<" not in note.text
    assert (await act(store, Verb.SAY, text="<> //")).outcome is Outcome.NOT_POSSIBLE


async def test_while_it_is_taken_over_nothing_is_ordered_that_would_be_written(store):
    await stands(store)
    assert (await act(store, Verb.TAKE_OVER)).outcome is Outcome.DONE
    assert (await act(store, Verb.TAKE_OVER)).outcome is Outcome.DONE
    second = await act(store, Verb.TAKE_OVER, by="bob")
    assert (second.outcome, second.by) == (Outcome.CONFLICT, "alice")
    for verb in (Verb.SAY, Verb.RESOLVE, Verb.PUBLISH):
        refused = await act(store, verb, by="bob", text="words")
        assert (refused.outcome, refused.by) == (Outcome.NOT_POSSIBLE, "alice")
    assert (await act(store, Verb.HAND_BACK, by="bob")).outcome is Outcome.DONE
    assert (await act(store, Verb.HAND_BACK)).outcome is Outcome.NOT_POSSIBLE


async def posts(store, update_id: str, posted_at: int) -> Outcome:
    done: ActionResult = await store.act("shop", take_over_on_page(update_id, posted_at))
    return done.outcome


async def test_who_posts_on_the_page_takes_over_as_an_operator_does(store):
    await stands(store)
    assert await posts(store, "u1", 1) is Outcome.DONE
    taken = (await orders(store)).take_over
    assert taken is not None
    assert (taken.by, taken.reason) == (ON_THE_PAGE, "posted an update on the page")
    told = (await store.incident("shop")).history[-1]
    assert (told.what, told.by, told.detail["verb"]) == ("action", "person", "take-over")
    assert [await posts(store, each, 1) for each in ("u1", "u2")] == [Outcome.REPEAT, Outcome.REPEAT]
    assert (await store.overview()).taken_over == 1
    assert (await act(store, Verb.HAND_BACK)).outcome is Outcome.DONE
    assert (await orders(store)).take_over is None


async def test_after_it_was_handed_back_only_what_is_posted_later_takes_it_over(store):
    await stands(store)
    await act(store, Verb.TAKE_OVER)
    taken = (await orders(store)).take_over
    assert taken is not None
    handed_back = taken.at
    assert await posts(store, "u1", handed_back) is Outcome.CONFLICT
    await act(store, Verb.HAND_BACK)
    assert await posts(store, "u2", handed_back) is Outcome.NOT_POSSIBLE
    assert await posts(store, "u3", handed_back + MINUTE) is Outcome.DONE


async def test_what_is_taken_over_is_counted_and_is_not_open_without_an_alert(store, db):
    await stands(store)
    await act(store, Verb.TAKE_OVER)
    seen = await store.overview()
    assert (seen.taken_over, seen.taken_over_clear) == (1, 0)
    await store.ingest([(resolved(), to())])
    seen = await store.overview()
    assert (seen.taken_over, seen.taken_over_clear, seen.quiet) == (1, 1, ())
    await act(store, Verb.HAND_BACK)
    seen = await store.overview()
    assert (seen.taken_over, seen.taken_over_clear, len(seen.quiet)) == (0, 0, 1)
    db.sadd(f"{PREFIX}taken_over", "shop", "forgotten")  # as another release leaves it
    assert (await store.overview()).taken_over == 0
    assert f"{PREFIX}taken_over" not in keys(db)


async def test_a_take_over_ends_with_the_record_of_its_end(store, db):
    await stands(store)
    await act(store, Verb.TAKE_OVER)
    claim = await store.claim(token="t", lease_ms=30_000)
    claim = await store.record(claim, claim.incident.progress, lease_ms=30_000, over=claim.incident.orders)
    assert claim.incident.orders == Orders()
    assert f"{PREFIX}taken_over" not in keys(db)


class TestMute:
    async def muted(self, store, *, alert: str = "a", **more: Any) -> None:
        await store.ingest([(firing(), to()), (firing("b"), to(severity=Severity.CRITICAL))])
        await settle(store)
        assert (await act(store, Verb.MUTE, alert=alert, **more)).outcome is Outcome.DONE

    async def counts(self, store) -> tuple[int, list[str]]:
        detail = await store.incident("shop")
        found = {each.fingerprint: each.status for each in detail.alerts}
        return detail.incident.summary.firing, [found[name] for name in sorted(found)]

    async def test_a_muted_alert_does_not_count_and_its_deliveries_are_stored(self, store):
        await self.muted(store)
        assert await self.counts(store) == (1, ["muted", "firing"])
        before = (await store.incident("shop")).incident.revision
        (change,) = await store.ingest([(firing(), to())])
        assert change.outcome == "repeat"
        assert await self.counts(store) == (1, ["muted", "firing"])
        assert (await store.incident("shop")).incident.revision == before
        assert list((await orders(store)).mutes) == ["alertmanager/a"]

    async def test_the_last_one_muted_is_the_end_of_the_outage(self, store):
        await self.muted(store)
        await act(store, Verb.MUTE, alert="alertmanager/b")
        summary = (await store.claim(token="t", lease_ms=30_000)).incident.summary
        assert (summary.firing, summary.services) == (0, {})
        assert summary.cleared_at

    async def test_a_firing_with_a_later_start_counts(self, store):
        await self.muted(store)
        (change,) = await store.ingest([(firing(starts_at=START + 1), to())])
        assert change.outcome == "added"
        assert await self.counts(store) == (2, ["firing", "firing"])
        assert (await orders(store)).mutes == {}

    async def test_one_that_fires_anew_for_another_incident_never_counts_here_again(self, store, clock):
        await self.muted(store, for_ms=20 * MINUTE)
        (change,) = await store.ingest([(firing(starts_at=START + 1), to("bank"))])
        assert (change.outcome, change.incident_id) == ("opened", "bank")
        await store.ingest([(resolved("b"), to())])
        clock.advance(21 * MINUTE)
        firing_in = {}
        for _ in range(2):
            claim = await store.claim(token="t", lease_ms=30_000)
            firing_in[claim.incident.id] = claim.incident.summary.firing
        assert firing_in == {"shop": 0, "bank": 1}

    async def test_a_firing_after_its_resolve_counts(self, store, clock):
        await self.muted(store)
        (change,) = await store.ingest([(resolved(), to())])
        assert change.outcome == "resolved"
        assert await self.counts(store) == (1, ["resolved", "firing"])
        assert (await orders(store)).mutes == {}
        clock.advance(3 * MINUTE)
        (change,) = await store.ingest([(firing(), to())])
        assert change.outcome == "added"

    async def test_a_mute_ends_in_time(self, store, clock):
        await self.muted(store, for_ms=20 * MINUTE)
        clock.advance(19 * MINUTE)
        await settle(store)
        assert await self.counts(store) == (1, ["muted", "firing"])
        clock.advance(2 * MINUTE)
        claim = await store.claim(token="t", lease_ms=30_000)
        assert (claim.incident.summary.firing, claim.incident.orders.mutes) == (2, {})
        assert (await store.incident("shop")).history[-1].what == "alerts_unmuted"

    async def test_it_is_kept_and_not_forgotten_as_what_is_over(self, store, clock):
        await self.muted(store)
        await store.ingest([(firing(name), to()) for name in "cdef"])
        await store.ingest([(resolved(name), to()) for name in "cdef"])
        clock.advance(24 * 60 * MINUTE)
        claim = await store.claim(token="t", lease_ms=30_000)
        await store.settle(claim, due=None)
        (change,) = await store.ingest([(firing(), to())])
        assert change.outcome == "repeat"

    async def test_unmuted_it_counts_at_once(self, store):
        await self.muted(store)
        assert (await act(store, Verb.UNMUTE, alert="a")).outcome is Outcome.DONE
        assert await self.counts(store) == (2, ["firing", "firing"])
        assert (await orders(store)).mutes == {}
        assert (await act(store, Verb.UNMUTE, alert="a")).outcome is Outcome.NOT_POSSIBLE

    async def test_only_an_alert_that_fires_here_is_muted(self, store):
        await self.muted(store)
        await store.ingest([(resolved("b"), to())])
        for alert, outcome in [("b", Outcome.NOT_POSSIBLE), ("c", Outcome.NOT_FOUND), ("", Outcome.NOT_FOUND)]:
            assert (await act(store, Verb.MUTE, alert=alert)).outcome is outcome

    async def test_what_another_release_has_counted_again_is_muted_by_the_next_message(self, store, db):
        await self.muted(store)
        record = list(decode_record_of(db, "a"))
        record[0], record[2] = "F", 0  # as a release that does not know the mark leaves it
        db.hset(f"{PREFIX}incident:shop:alerts", "alertmanager/a", msgspec.msgpack.encode(record))
        db.hincrby(f"{PREFIX}incident:shop", "firing", 1)
        for facet in record[6].split("\n"):
            db.hincrby(f"{PREFIX}incident:shop:facets", facet, 1)
        await store.ingest([(firing(), to())])
        assert await self.counts(store) == (1, ["muted", "firing"])


def decode_record_of(db, name: str) -> list[Any]:
    packed = db.hget(f"{PREFIX}incident:shop:alerts", f"alertmanager/{name}")
    found: list[Any] = msgspec.msgpack.decode(packed)
    return found
