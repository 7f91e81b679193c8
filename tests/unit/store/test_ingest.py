from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.model import Alert, Routed, Severity, Summary
from bridge.store import Claim, Store
from bridge.store.connect import connect
from tests.unit.store.builders import (
    END,
    LEASE_MS,
    MINUTE,
    START,
    all_of,
    contents,
    firing,
    held_by,
    keys,
    resolved,
    to,
    without_seen,
)


async def outcomes(store: Store, *items: tuple[Alert, Routed | None]) -> list[str]:
    return [change.outcome for change in await store.ingest(items)]


async def summary(store: Store, id_: str = "shop") -> Summary:
    return (await held_by(store, id_))[0].summary


async def statuses(store: Store) -> dict[str, str]:
    return {alert.fingerprint: alert.status for alert in (await held_by(store))[1]}


async def is_due(store: Store) -> bool:
    return isinstance(await store.claim(token="look", lease_ms=LEASE_MS), Claim)


async def put_to_rest(store: Store) -> int:
    """Claim the one incident that is due and settle it until its facts change; its revision."""
    claim = await store.claim(token="rest", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    assert await store.settle(claim, due=None)
    return claim.incident.revision


async def test_a_new_incident_has_all_of_its_sums_for_those_who_compare_them_as_they_are(store, db):
    await store.ingest([(firing("a"), to())])
    sums = (
        *("rev", "firing", "held", "firing_since", "last_fired_at", "cleared_at", "eased_at"),
        *("outage_started_at", "outage_ended_at"),
    )
    kept = dict(zip(sums, db.hmget("bridge:{0}:incident:shop", sums), strict=True))
    assert None not in kept.values(), kept
    assert (kept["firing"], kept["held"], kept["cleared_at"]) == (b"1", b"0", b"0")


async def test_the_first_alert_opens_its_incident_and_others_join(store, clock):
    before = clock.now
    cart = to(severity=Severity.CRITICAL, services=("cart", "checkout"), labels={"region": "eu"})
    changes = await store.ingest([(firing("a"), to(labels={"region": "us"})), (firing("b", starts_at=START - 5), cart)])
    assert [(change.fingerprint, change.incident_id, change.outcome) for change in changes] == [
        ("a", "shop", "opened"),
        ("b", "shop", "added"),
    ]
    incident, alerts = await held_by(store)
    assert (incident.key, incident.route, incident.group) == ('shop-route{region="eu"}', "shop-route", {"region": "eu"})
    assert (incident.episode, incident.revision) == (1, 1)
    assert before <= incident.summary.firing_since <= clock.now
    assert incident.summary.last_fired_at == incident.summary.firing_since
    assert replace(incident.summary, firing_since=0, last_fired_at=0) == Summary(
        firing=2,
        services={"cart": Severity.CRITICAL, "checkout": Severity.CRITICAL},
        labels={"region": ("eu", "us")},
        outage_started_at=START - 5,
    )
    assert {alert.fingerprint: (alert.severity, alert.why) for alert in alerts} == {
        "a": (Severity.MAJOR, ("the test says so",)),
        "b": (Severity.CRITICAL, ("the test says so",)),
    }


@pytest.mark.parametrize("repeated", [firing(), resolved()], ids=["firing", "resolved"])
async def test_a_repeat_changes_nothing_but_when_the_alert_was_seen(store, db, clock, repeated):
    await store.ingest([(firing(), to()), (firing("b"), to()), (repeated, to())])
    clock.advance(MINUTE)
    before = contents(db)
    seen_before = {alert.fingerprint: alert.seen_at for alert in (await held_by(store, "shop"))[1]}
    assert await outcomes(store, (repeated, to())) == ["repeat"]
    assert without_seen(contents(db)) == without_seen(before)
    seen = {alert.fingerprint: alert.seen_at for alert in (await held_by(store, "shop"))[1]}
    assert seen["b"] == seen_before["b"]
    assert seen["a"] >= seen_before["a"] + MINUTE


async def test_one_fingerprint_from_two_sources_is_two_alerts(store):
    other = replace(firing(), source="pagerduty")
    assert await outcomes(store, (firing(), to()), (other, to())) == ["opened", "added"]
    await store.ingest([(resolved(), to())])
    assert (await summary(store)).firing == 1


@pytest.mark.parametrize("routed", [to(), None], ids=["routed", "ignored"])
async def test_a_resolve_of_an_alert_never_seen_counts_for_nothing_but_its_incident_is_looked_for(store, routed):
    change = (await store.ingest([(resolved(), routed)]))[0]
    assert (change.outcome, change.incident_id) == ("unknown", None)
    assert [incident.id for incident in await all_of(store)] == ([routed.id] if routed else [])
    assert all([(await held_by(store, incident.id))[1] == [] for incident in await all_of(store)])


async def test_an_ignored_alert_leaves_no_trace(store, db):
    assert await outcomes(store, (firing(), None)) == ["unknown"]
    assert keys(db) == []


async def test_an_active_alert_stays_where_it_is_counted_wherever_routes_send_it_now(store):
    await store.ingest([(firing(), to("shop"))])
    moved = await store.ingest([(firing(), to("bank", severity=Severity.CRITICAL, services=("payments",)))])
    assert [(change.incident_id, change.outcome) for change in moved] == [("shop", "repeat")]
    assert (await summary(store)).services == {"checkout": Severity.MAJOR}
    assert await store.incident("bank") is None


@pytest.mark.parametrize("routed", [to("bank"), None], ids=["routed elsewhere", "ignored"])
async def test_the_resolve_of_a_counted_alert_is_heard_wherever_routes_send_it_now(store, routed):
    await store.ingest([(firing(), to("shop"))])
    change = (await store.ingest([(resolved(), routed)]))[0]
    assert (change.outcome, change.incident_id) == ("resolved", "shop")
    assert (await summary(store)).firing == 0


async def test_a_new_occurrence_goes_where_routes_send_it_now(store, db):
    await store.ingest([(firing(), to("shop")), (resolved(), to("shop"))])
    change = (await store.ingest([(firing(starts_at=END + 1), to("bank"))]))[0]
    assert (change.outcome, change.incident_id) == ("opened", "bank")
    assert ((await summary(store, "shop")).firing, (await summary(store, "bank")).firing) == (0, 1)
    assert db.hgetall("bridge:{0}:index") == {b"alertmanager/a": b"bank"}


async def test_an_alert_that_fires_again_opens_its_quiet_incident(store):
    later = firing(starts_at=END + 1)
    items = [(firing(), to()), (resolved(), to()), (later, to())]
    assert await outcomes(store, *items) == ["opened", "resolved", "opened"]


async def test_facts_follow_an_alert_whose_severity_services_or_labels_change(store):
    await store.ingest([(firing(), to(labels={"region": "eu"}))])
    worse = to(severity=Severity.CRITICAL, services=("cart",), labels={"region": "us"}, why=("it got worse",))
    assert await outcomes(store, (firing(), worse)) == ["changed"]
    facts = await summary(store)
    assert (facts.firing, facts.services, facts.labels) == (1, {"cart": Severity.CRITICAL}, {"region": ("us",)})
    assert (await held_by(store, "shop"))[1][0].why == ("it got worse",)


async def test_an_acknowledgement_is_counted_while_the_alert_is_active(store):
    await store.ingest([(firing(observed_at=START + 1), to()), (firing("b", observed_at=START + 1), to())])
    assert await outcomes(store, (firing(observed_at=START + 2, acknowledged=True), to())) == ["changed"]
    assert ((await summary(store)).firing, (await summary(store)).acknowledged) == (2, 1)
    assert await statuses(store) == {"a": "acknowledged", "b": "firing"}
    await store.ingest([(resolved(observed_at=START + 3), to())])
    assert (await summary(store)).acknowledged == 0


async def test_sums_tell_when_the_outage_began_eased_and_cleared(store, clock):
    await store.ingest([(firing("a"), to()), (firing("b"), to(services=("cart",)))])
    begun = (await summary(store)).firing_since
    clock.advance(MINUTE)
    await store.ingest([(resolved("b", ends_at=END + 7), to(services=("cart",)))])
    eased = await summary(store)
    assert (eased.firing_since, eased.cleared_at, eased.outage_ended_at) == (begun - MINUTE, 0, END + 7)
    assert eased.eased_at >= begun
    assert eased.last_fired_at == begun - MINUTE
    await store.ingest([(firing("late"), to())])
    assert (await summary(store)).last_fired_at >= eased.eased_at
    await store.ingest([(resolved("late", ends_at=END + 6), to())])
    clock.advance(MINUTE)
    await store.ingest([(resolved("a"), to())])
    cleared = await summary(store)
    assert cleared.cleared_at >= begun
    assert (cleared.firing, cleared.services, cleared.outage_ended_at) == (0, {}, END + 7)
    await store.ingest([(firing("c", starts_at=END + 99), to())])
    again = await summary(store)
    assert (again.outage_started_at, again.outage_ended_at) == (END + 99, 0)
    assert again.firing_since >= cleared.cleared_at


SHOP, BANK = to("shop"), to("bank", services=("payments",))


@pytest.mark.parametrize(
    ("history", "late", "active"),
    [
        (
            [(firing(observed_at=START + 1), SHOP), (resolved(observed_at=START + 3), SHOP)],
            (firing(observed_at=START + 2), SHOP),
            False,
        ),
        (
            [(firing(observed_at=START + 1), SHOP), (firing(observed_at=START + 3), SHOP)],
            (resolved(observed_at=START + 2), SHOP),
            True,
        ),
        (
            [(firing(observed_at=START + 1), SHOP), (resolved(observed_at=START + 2), SHOP)],
            (firing(observed_at=START + 2), SHOP),
            False,
        ),
        (
            [(firing(observed_at=START + 1), SHOP), (resolved(observed_at=START + 3), SHOP)],
            (firing(observed_at=START + 2), BANK),
            False,
        ),
        (
            [(firing(observed_at=START + 1), SHOP), (firing(observed_at=START + 3), BANK)],
            (resolved(observed_at=START + 2), SHOP),
            True,
        ),
        (
            [
                (firing(observed_at=START + 1), SHOP),
                (resolved(observed_at=START + 2), SHOP),
                (resolved(observed_at=START + 4), SHOP),
            ],
            (firing(observed_at=START + 3), SHOP),
            False,
        ),
        ([(firing(starts_at=END + 1), SHOP)], (resolved(ends_at=END), SHOP), True),
        ([(firing(), SHOP), (firing(starts_at=END + 1), SHOP)], (resolved(ends_at=END), SHOP), True),
        ([(firing(), SHOP), (firing(starts_at=END + 1), BANK)], (resolved(ends_at=END), SHOP), True),
    ],
    ids=[
        "firing observed before the resolve",
        "resolve observed before the firing",
        "firing observed at the same time as the resolve",
        "firing observed before the resolve, now routed elsewhere",
        "resolve observed before a firing that is now routed elsewhere",
        "firing observed between two resolves",
        "resolve of an earlier occurrence",
        "resolve of an earlier occurrence, overtaken by the next firing",
        "resolve of an earlier occurrence, overtaken by a firing that is now routed elsewhere",
    ],
)
async def test_an_older_message_undoes_nothing(store, db, history, late, active):
    for item in history:
        await store.ingest([item])
    before = contents(db)
    assert await outcomes(store, late) == ["stale"]
    after = {name: value for name, value in contents(db).items() if name in before}  # the late end itself may be noted
    assert without_seen(after) == without_seen(before)
    assert ((await summary(store)).firing == 1) is active


async def test_a_resolve_observed_together_with_the_firing_wins(store):
    await store.ingest([(firing(observed_at=START + 1), to())])
    assert await outcomes(store, (resolved(observed_at=START + 1), to())) == ["resolved"]


async def test_a_stale_message_does_not_rewrite_the_reasons(store):
    await store.ingest([(firing(observed_at=START + 2), to(why=("newer",)))])
    await store.ingest([(firing(observed_at=START + 1), to(why=("older",)))])
    assert (await held_by(store, "shop"))[1][0].why == ("newer",)


@pytest.mark.parametrize(
    ("event", "moves"),
    [
        ((firing("a"), to()), False),
        ((firing("c"), to()), False),
        ((resolved("b"), to()), False),
        ((firing("c"), to(services=("cart",))), True),
        ((firing("a"), to(severity=Severity.CRITICAL)), True),
        ((firing("a", acknowledged=True), to()), True),
        ((firing("a"), to(labels={"region": "eu"})), True),
    ],
    ids=["repeat", "one more alike", "one less alike", "service", "severity", "acknowledged", "label"],
)
async def test_the_revision_moves_and_the_incident_is_due_only_when_a_reader_could_tell(store, event, moves):
    await store.ingest([(firing("a"), to()), (firing("b"), to())])
    before = await put_to_rest(store)
    await store.ingest([event])
    assert ((await held_by(store, "shop"))[0].revision > before) is moves
    assert await is_due(store) is moves


@pytest.mark.parametrize(
    "event", [(resolved("a"), to()), (firing("b"), to(services=("cart",)))], ids=["all clear", "service"]
)
async def test_what_changed_during_a_lease_makes_the_incident_due_when_it_is_given_back(store, event):
    await store.ingest([(firing("a"), to())])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    await store.ingest([event])
    assert not await is_due(store)
    assert await store.settle(claim, due=None)
    assert await is_due(store)


async def test_an_overdue_incident_keeps_its_place_when_more_comes_in(store, clock):
    await store.ingest([(firing("a"), to("shop"))])
    clock.advance(MINUTE)
    await store.ingest([(firing("b"), to("bank"))])
    clock.advance(MINUTE)
    await store.ingest([(firing("c"), to("shop", services=("cart",)))])
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert claim.incident.id == "shop"


async def test_20_000_alerts_in_one_call(store):
    names = [f"{number:05}" for number in range(20_000)]
    changes = await store.ingest([(firing(name), to()) for name in names])
    assert [change.fingerprint for change in changes] == names
    assert [change.outcome for change in changes] == ["opened"] + ["added"] * 19_999
    assert (await summary(store)).firing == 20_000
    await store.ingest([(resolved(name), None) for name in names])
    assert (await summary(store)).firing == 0


async def test_answers_come_in_the_order_of_the_alerts_whatever_their_incidents(store):
    items = [(firing(str(number)), to(("shop", "bank", "mail")[number % 3])) for number in range(30)]
    changes = await store.ingest(items)
    assert [change.fingerprint for change in changes] == [str(number) for number in range(30)]
    assert [change.incident_id for change in changes] == ["shop", "bank", "mail"] * 10


async def test_nothing_to_ingest_is_no_work(store, db):
    assert await store.ingest([]) == []
    assert keys(db) == []


@pytest.mark.parametrize("value", ["a|b", "two\nlines", "nul\0", "Zürich 🜁", ""])
async def test_label_values_of_any_text_are_counted_and_uncounted(store, db, value):
    odd = to(labels={"city": value})
    await store.ingest([(firing("a"), odd), (firing("b"), to())])
    shown = value.replace("\n", " ").replace("\0", " ")
    assert (await summary(store)).labels == {"city": (shown,)}
    await store.ingest([(resolved("a"), odd)])
    assert db.hgetall("bridge:{0}:incident:shop:facets") == {b"s|checkout|3": b"1"}


MESSAGES = st.builds(
    lambda is_firing, name, start, severity: (
        (firing if is_firing else resolved)(name, starts_at=START + start * 20_000),
        to(severity=severity),
    ),
    st.booleans(),
    st.sampled_from("abc"),
    st.integers(0, 2),
    st.sampled_from([Severity.MAJOR, Severity.CRITICAL]),
)


@given(messages=st.lists(MESSAGES, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_one_call_does_what_many_do(redis_url, db, messages):
    db.flushall()
    client = connect(redis_url)
    one, many = Store(client, prefix="one:{0}:"), Store(client, prefix="many:{0}:")
    together = await outcomes(one, *messages)
    assert together == [outcome for message in messages for outcome in await outcomes(many, message)]
    for kept in ("facets", "index"):
        path = "index" if kept == "index" else "incident:shop:facets"
        assert db.hgetall(f"one:{{0}}:{path}") == db.hgetall(f"many:{{0}}:{path}")
    await client.aclose()


@pytest.mark.parametrize(
    ("fired", "ended"),
    [
        (firing(), resolved(ends_at=START - 5_000)),
        (firing(starts_at=START), resolved(starts_at=START + 2_000, ends_at=START - 1_000)),
        (firing(starts_at=START + 5 * MINUTE), resolved(starts_at=START + 5 * MINUTE, ends_at=START)),
    ],
    ids=["end before start", "start not known", "start in the future"],
)
async def test_a_resolve_with_a_crooked_clock_still_resolves(store, fired, ended):
    await store.ingest([(fired, to())])
    (change,) = await store.ingest([(ended, to())])
    assert change.outcome == "resolved"
