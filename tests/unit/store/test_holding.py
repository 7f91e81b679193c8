"""A firing soon after its own resolve: late copy or genuine re-fire? Alertmanager's clusters send both alike."""

from __future__ import annotations

import pytest

from bridge.model import Alert, Routed, Severity
from bridge.store import Claim, Idle, Store
from tests.unit.store.builders import END, HOLD_MS, LEASE_MS, MINUTE, START, firing, held_by, resolved, to

GUARD_MS = 2 * MINUTE
A_MOMENT = 10_000  # more than a test takes


async def send(store: Store, alert: Alert, routed: Routed) -> str:
    return (await store.ingest([(alert, routed)]))[0].outcome


async def facts(store: Store) -> tuple[int, int, str]:
    """How many alerts fire, how many are held, and how the one seen last stands."""
    incident, alerts = await held_by(store)
    return incident.summary.firing, incident.summary.held, alerts[0].status


async def rest(store: Store) -> Claim:
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    assert await store.settle(claim, due=None)
    return claim


@pytest.fixture
async def cleared(store):
    """An incident whose one alert has just resolved."""
    await store.ingest([(firing(), to()), (resolved(), to())])
    await rest(store)


@pytest.mark.usefixtures("cleared")
@pytest.mark.parametrize(
    "starts_at", [START, START - 1, START + 1, END], ids=["same start", "earlier", "before the end", "at the end"]
)
async def test_a_firing_soon_after_its_resolve_is_held(store, clock, starts_at):
    clock.advance(GUARD_MS - A_MOMENT)
    assert await send(store, firing(starts_at=starts_at), to()) == "held"
    assert await facts(store) == (0, 1, "held")
    assert await send(store, firing(starts_at=starts_at), to()) == "repeat"
    assert await facts(store) == (0, 1, "held")


@pytest.mark.usefixtures("cleared")
async def test_held_it_makes_the_incident_due_now_and_when_the_hold_ends(store, clock):
    await send(store, firing(), to())
    before = clock.now
    claim = await rest(store)
    assert claim.incident.summary.held == 1
    idle = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(idle, Idle)
    assert before + HOLD_MS - A_MOMENT < idle.next_at <= before + HOLD_MS


@pytest.mark.usefixtures("cleared")
async def test_it_fires_when_nothing_resolves_it_during_the_hold(store, clock):
    await send(store, firing(), to())
    await rest(store)
    clock.advance(HOLD_MS - A_MOMENT)
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Idle)
    assert await facts(store) == (0, 1, "held")
    clock.advance(A_MOMENT)
    claim = await rest(store)
    assert (claim.incident.summary.firing, claim.incident.summary.held) == (1, 0)
    assert claim.incident.summary.services == {"checkout": Severity.MAJOR}
    assert await facts(store) == (1, 0, "firing")
    assert await send(store, resolved(), to()) == "resolved"


@pytest.mark.usefixtures("cleared")
async def test_it_never_fires_when_a_resolve_comes_during_the_hold(store, clock):
    await send(store, firing(), to())
    await rest(store)
    clock.advance(HOLD_MS - A_MOMENT)
    assert await send(store, resolved(), to()) == "resolved"
    assert await facts(store) == (0, 0, "resolved")
    clock.advance(HOLD_MS)
    await rest(store)
    assert await facts(store) == (0, 0, "resolved")


@pytest.mark.usefixtures("cleared")
async def test_a_newer_start_fires_at_once(store):
    assert await send(store, firing(starts_at=END + 1), to()) == "opened"
    assert await facts(store) == (1, 0, "firing")


@pytest.mark.usefixtures("cleared")
async def test_a_newer_start_fires_at_once_what_is_held(store, clock):
    await send(store, firing(), to())
    assert await send(store, firing(starts_at=END + 1), to()) == "opened"
    assert await facts(store) == (1, 0, "firing")
    clock.advance(HOLD_MS)
    await rest(store)
    assert await facts(store) == (1, 0, "firing")


@pytest.mark.usefixtures("cleared")
async def test_after_two_minutes_it_fires_at_once(store, clock):
    clock.advance(GUARD_MS)
    assert await send(store, firing(), to()) == "opened"


async def test_a_resolve_whose_firing_is_on_its_way_holds_that_firing_too(store, clock):
    await store.ingest([(firing(), to()), (resolved(), to())])
    clock.advance(GUARD_MS)
    next_start, next_end = END + 60_000, END + 90_000
    assert await send(store, resolved(starts_at=next_start, ends_at=next_end), to()) == "repeat"
    assert await send(store, firing(starts_at=next_start), to()) == "held"


async def test_without_a_hold_it_fires_at_once(store):
    trusting = to(hold_refire_ms=0)
    await store.ingest([(firing(), trusting), (resolved(), trusting)])
    assert await send(store, firing(), trusting) == "opened"


async def test_a_sender_whose_clock_orders_its_messages_is_believed(store):
    await store.ingest([(firing(observed_at=START + 1), to()), (resolved(observed_at=START + 2), to())])
    assert await send(store, firing(observed_at=START + 3), to()) == "opened"


@pytest.mark.usefixtures("cleared")
async def test_it_stays_with_its_incident_and_fires_there_wherever_routes_send_it_now(store, clock):
    moved = to("bank", severity=Severity.CRITICAL, services=("payments",))
    assert await send(store, firing(), moved) == "held"
    clock.advance(HOLD_MS)
    claim = await rest(store)
    assert (claim.incident.id, claim.incident.summary.services) == ("shop", {"checkout": Severity.MAJOR})
    assert await store.incident("bank") is None


@pytest.mark.usefixtures("cleared")
async def test_it_fires_as_routing_saw_it_last(store, clock):
    await send(store, firing(), to(severity=Severity.CRITICAL, why=("worse",)))
    clock.advance(HOLD_MS)
    claim = await rest(store)
    assert claim.incident.summary.services == {"checkout": Severity.CRITICAL}
    assert (await held_by(store, "shop"))[1][0].why == ("worse",)


async def test_a_storm_of_held_alerts_ripens_whole_claim_after_claim(store, clock):
    names = [f"{number}" for number in range(2_500)]
    for alert in (firing, resolved, firing):
        await store.ingest([(alert(name), to()) for name in names])
    clock.advance(HOLD_MS)
    for _ in range(3):
        await rest(store)
    assert (await facts(store))[:2] == (2_500, 0)
    assert isinstance(await store.claim(token="t", lease_ms=LEASE_MS), Idle)
