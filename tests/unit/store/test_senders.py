"""Senders with names: each has alerts of its own, and what was known before it had a name becomes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from bridge.model import Alert, PublicNote, Routed
from tests.unit.store.builders import END, MINUTE, START, contents, firing, held_by, resolved, to
from tests.unit.store.statements import check_keys, merged, over, sums, tell, triggered

if TYPE_CHECKING:
    from bridge.store import Store

SECOND = START + 1_000


def named(alert: Alert, sender: str = "eu") -> Alert:
    return replace(alert, sender=sender, labels=alert.labels | {"__sender__": sender})


async def outcomes(store: Store, *items: tuple[Alert, Routed | None]) -> list[tuple[str, str | None]]:
    return [(change.outcome, change.incident_id) for change in await store.ingest(items)]


def names(db: Any) -> set[str]:
    return set(contents(db)["index"])


async def test_an_alert_without_a_sender_is_called_as_it_always_was(store, db):
    await outcomes(store, (firing(), to()))
    assert names(db) == {"alertmanager/a"}


async def test_two_senders_with_one_fingerprint_are_two_alerts(store):
    eu, us = named(firing(starts_at=START)), named(firing(starts_at=SECOND), "us")
    assert await outcomes(store, (eu, to("eu")), (us, to("us"))) == [("opened", "eu"), ("opened", "us")]
    assert await outcomes(store, (named(resolved(starts_at=SECOND), "us"), to("us"))) == [("resolved", "us")]
    incident, (alert,) = await held_by(store, "eu")
    assert incident.summary.firing == 1
    assert (alert.source, alert.sender, alert.fingerprint) == ("alertmanager", "eu", "a")


@pytest.mark.parametrize("fingerprint", ["a/b", "@x/y", "a@b/c"])
async def test_a_fingerprint_may_hold_what_separates_names(store, fingerprint):
    await outcomes(store, (firing(fingerprint), to("plain")))
    _, (alert,) = await held_by(store, "plain")
    assert (alert.sender, alert.fingerprint) == ("", fingerprint)
    assert await outcomes(store, (named(firing(fingerprint)), to("eu"))) == [("repeat", "plain")]
    _, (alert,) = await held_by(store, "plain")
    assert (alert.sender, alert.fingerprint) == ("eu", fingerprint)


async def test_what_fires_when_its_path_gets_a_name_ends_there_with_its_sender(store, db):
    await outcomes(store, (firing(), to("shop")), (firing("b"), to("shop")))
    assert await outcomes(store, (named(firing()), to("elsewhere"))) == [("repeat", "shop")]
    assert await outcomes(store, (named(resolved("b")), to("elsewhere"))) == [("resolved", "shop")]
    assert await outcomes(store, (named(resolved()), None)) == [("resolved", "shop")]
    assert names(db) == {"alertmanager@eu/a", "alertmanager@eu/b"}
    assert (await held_by(store))[0].summary.firing == 0


async def test_only_the_first_sender_takes_over_what_was_known(store):
    await outcomes(store, (firing(), to("shop")))
    us = named(firing(starts_at=SECOND), "us")
    assert await outcomes(store, (named(firing()), to("eu")), (us, to("us"))) == [("repeat", "shop"), ("opened", "us")]
    assert await outcomes(store, (firing(starts_at=SECOND), to("plain"))) == [("opened", "plain")]
    assert await outcomes(store, (us, to("us"))) == [("repeat", "us")]
    assert (await held_by(store, "plain"))[0].summary.firing == 1


async def test_a_held_alert_stays_held_and_fires_in_time(store, db, clock):
    await outcomes(store, (firing(), to()), (resolved(), to()))
    assert await outcomes(store, (firing(), to())) == [("held", "shop")]
    assert await outcomes(store, (named(firing()), to())) == [("repeat", "shop")]
    assert set(contents(db)["incident:shop:timers"]) == {"alertmanager@eu/a"}
    clock.advance(7 * MINUTE)
    await store.claim(token="t", lease_ms=MINUTE)
    assert (await held_by(store))[0].summary.firing == 1


async def test_a_late_copy_of_what_ended_before_the_path_had_a_name_is_held(store):
    await outcomes(store, (firing(), to()), (resolved(), to()))
    assert await outcomes(store, (named(firing()), to())) == [("held", "shop")]


async def test_of_two_replicas_of_which_one_is_named_first_an_alert_counts_once(store, db):
    await outcomes(store, (named(firing()), to()), (firing(), to()))
    assert (await held_by(store))[0].summary.firing == 2
    assert await outcomes(store, (named(resolved()), to())) == [("resolved", "shop")]
    assert (await held_by(store))[0].summary.firing == 0
    assert names(db) == {"alertmanager@eu/a"}
    assert int(contents(db)["stored"][f"remembered_alerts|{to().route}"]) == 1


async def test_what_another_path_reports_for_another_incident_is_no_copy(store):
    await outcomes(store, (named(firing()), to("eu")), (firing(), to("plain")))
    assert await outcomes(store, (named(resolved()), to("eu"))) == [("resolved", "eu")]
    assert (await held_by(store, "plain"))[0].summary.firing == 1


async def test_merges_stay_within_a_sender(store, db):
    await tell(store, triggered("A", 1), sender="eu")
    await tell(store, triggered("B", 2, "payments"), sender="us")
    await tell(store, merged("A", 3, "B"), sender="eu")
    await tell(store, over("B", 4, "payments"), sender="us")
    assert set(sums(db)) == {"shop"}
    await tell(store, over("B", 5, "payments"), sender="eu")
    assert sums(db) == {}


@pytest.mark.parametrize("chain", [("A", "B"), ("A", "B", "C")])
async def test_what_was_merged_when_its_path_gets_a_name_ends_with_its_target(store, db, chain):
    await tell(store, *(triggered(name, 1, "payments") for name in chain))
    await tell(store, *(merged(name, 2 + at, chain[at + 1], "payments") for at, name in enumerate(chain[:-1])))
    await tell(store, over(chain[-1], 9, "payments"), sender="eu")
    assert sums(db) == {}
    assert set(contents(db)["index"]) == {f"pagerduty@eu/{name}" for name in chain}
    check_keys(db)


async def test_what_was_merged_is_its_senders_when_that_reports_it_before_its_target(store, db):
    await tell(store, triggered("A", 1), triggered("B", 1, "payments"), merged("A", 2, "B"))
    await tell(store, triggered("A", 3), sender="eu")
    assert {name: sum(kept.values()) > 0 for name, kept in sums(db).items()} == {"shop": True, "bank": True}
    assert set(contents(db)["index"]) == {"pagerduty@eu/A", "pagerduty@eu/B"}
    check_keys(db)


async def test_events_are_remembered_within_a_sender(store):
    said = triggered("A", 1)
    assert await tell(store, said, sender="eu", with_event=True) == ["opened"]
    assert await tell(store, said, sender="us", with_event=True) == ["added"]
    assert await tell(store, over("A", 2), sender="eu", with_event=True) == ["resolved"]
    assert await tell(store, said, triggered("A", 1), sender="eu", with_event=True) == ["repeat", "repeat"]
    assert await tell(store, triggered("A", 1, "mail"), sender="eu") == ["stale"]


async def test_an_event_that_came_before_the_path_had_a_name_is_no_other_event_afterwards(store):
    ends = over("A", 3)
    await tell(store, triggered("A", 1), ends, with_event=True)
    assert await tell(store, ends, triggered("A", 2), sender="eu", with_event=True) == ["repeat", "stale"]


def public_note(sender: str = "", event: str = "n1") -> PublicNote:
    event = f"@{sender}/{event}" if sender else event
    return PublicNote(source="pagerduty", sender=sender, fingerprint="A", text="Hm.", observed_at=END, event_id=event)


async def test_a_note_finds_its_alert_across_the_naming_and_counts_once(store, db):
    await tell(store, triggered("A", 1), sender="us")
    await tell(store, triggered("A", 1))
    assert await store.public_note(public_note()) == "kept"
    assert await store.public_note(public_note("eu")) == "repeat"
    assert db.hexists("bridge:{0}:index", "pagerduty@eu/A")
    assert await store.public_note(public_note("us")) == "kept"
    assert await store.public_note(public_note("ap")) == "unknown"
    kept = db.lrange("bridge:{0}:incident:shop:notes", 0, -1)
    assert len(kept) == 2


def through(incident: str, receiver: str) -> Routed:
    return replace(to(incident), receiver=receiver)


async def conflicts(store: Store, *items: tuple[Alert, Routed | None]) -> list[bool]:
    return [(await store.ingest([item]))[0].conflict for item in items]


EU, US, US_2 = through("eu", "status-eu"), through("us", "status-us"), through("us", "status-eu")


async def test_an_alert_that_flips_between_incidents_with_its_receiver_is_a_conflict(store):
    await store.ingest([(firing("other"), US)])
    assert await conflicts(store, (firing(), EU), (firing(), US), (firing(), EU)) == [False, False, True]
    for id_ in ("eu", "us"):
        assert (await held_by(store, id_))[0].summary.conflict_at > 0


async def test_an_end_from_another_sender_is_an_identity_conflict(store):
    said = (firing(), EU), (firing(starts_at=SECOND), US), (resolved(starts_at=SECOND), US), (firing(), EU)
    assert await conflicts(store, *said) == [False, False, False, True]


async def test_an_end_from_another_sender_that_is_published_nowhere_is_an_identity_conflict(store):
    nowhere = replace(resolved(), labels={"__receiver__": "status-us"})
    assert await conflicts(store, (firing(), EU), (nowhere, None), (firing(starts_at=END + 1), EU)) == [
        False,
        False,
        True,
    ]


async def test_a_receiver_that_is_renamed_once_is_no_conflict(store, clock):
    assert await conflicts(store, (firing(), EU), (firing(), US), (firing(), US), (resolved(), US)) == [False] * 4
    clock.advance(7 * 60 * MINUTE)
    assert await conflicts(store, (firing(), EU)) == [False]


async def test_other_routes_for_the_same_receiver_are_no_conflict(store):
    assert await conflicts(store, (firing(), EU), (firing(), US_2), (firing(), EU)) == [False] * 3


async def test_without_a_look_at_receivers_nothing_is_kept_of_them(store, db):
    await store.ingest([(firing(), to())])
    (record,) = contents(db)["incident:shop:alerts"].values()
    assert not record["receivers"]


async def test_naming_the_senders_ends_the_conflict(store):
    await conflicts(store, (firing(), EU), (firing(), US), (firing(), EU))
    assert (await held_by(store, "eu"))[0].summary.conflict_at > 0
    await store.ingest([(named(firing()), EU)])
    assert (await held_by(store, "eu"))[0].summary.conflict_at == 0
    assert await outcomes(store, (named(firing(), "us"), US)) == [("opened", "us")]
