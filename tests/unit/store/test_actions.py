"""Operators' actions are facts: stored by one script, once, whoever was first; and the incident is due."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bridge.core.actions import Action, in_force
from bridge.model import V1_PAGE, Intent, Phase, Post, Progress, Severity, UpdateKind, Write
from bridge.orders import Orders, Verb
from bridge.store import ActionResult, Idle, Outcome
from tests.unit.store.builders import MINUTE, PREFIX, firing, keys, resolved, to

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
