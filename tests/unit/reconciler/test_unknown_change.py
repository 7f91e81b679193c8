"""What a write of unknown outcome may have brought to the page is ours: told of where it stands, and taken back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import V1_PAGE, Impact, Phase, Severity, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, World
from tests.unit.reconciler.test_trouble import of_generation

STATUS = v3_page("status")
LEARNED_MS = LEASE_MS + 2 * SETTLE_MS  # a bridge that died left its lease
pages = pytest.mark.parametrize("page_name", [V1_PAGE, STATUS])
outcomes = pytest.mark.parametrize(
    "outcome",
    [
        Outcome.LOST_AFTER,
        Outcome.LOST_BEFORE,
        Outcome.LATE,
        Outcome.CRASH_AFTER,
        Outcome.CRASH_BEFORE,
    ],
)


def opened(page_name: str, severity: Severity = Severity.MINOR) -> World:
    """Payments is out, and on the page."""
    world = of_generation(page_name)(POLICY)
    world.page.late_ms = SETTLE_MS - 1
    world.fire("payments", severity)
    world.after(MINUTE)
    return world


def shown(world: World) -> object:
    """What readers see to be amiss: the impacts, or the severity and the services."""
    (incident,) = world.page.standing
    return ailing(world) if shows_impacts(world.page_name) else (incident.severity, set(incident.services))


def ailing(world: World) -> dict[str, Impact]:
    return {name: impact for name, impact in world.page.only.impacts.items() if impact}


@outcomes
class TestWhatNothingFiresForAnyMore:
    @pytest.mark.parametrize("wait_ms", [0, SECOND, SETTLE_MS - 1])
    def test_a_component_that_an_unknown_change_brought_is_operational_again(
        self, outcome: Outcome, wait_ms: int
    ) -> None:
        world = opened(STATUS)
        world.page.outcomes.append(outcome)
        world.fire("checkout", Severity.CRITICAL)
        world.after(wait_ms)
        world.clear("checkout")
        world.after(LEARNED_MS)
        assert shown(world) == {"payments": IMPACTS[Severity.MINOR]}
        assert len(world.page.only.updates) == 1, "nobody was told of it"
        world.clear()
        world.after(5 * MINUTE)
        assert world.page.only.status is Phase.RESOLVED

    def test_an_impact_that_an_unknown_change_raised_falls_again(self, outcome: Outcome) -> None:
        world = opened(STATUS)
        world.page.outcomes.append(outcome)
        world.fire("payments", Severity.CRITICAL)
        world.alerts.fire(world.now, "payments", Severity.MINOR)
        world.after(LEARNED_MS)
        assert shown(world) == {"payments": IMPACTS[Severity.MINOR]}

    def test_a_severity_that_an_unknown_change_raised_falls_again(self, outcome: Outcome) -> None:
        world = opened(V1_PAGE)
        world.page.outcomes.append(outcome)
        world.fire("payments", Severity.CRITICAL)
        world.alerts.fire(world.now, "payments", Severity.MINOR)
        world.after(LEARNED_MS)
        assert shown(world) == (Severity.MINOR, {"payments"})

    def test_a_service_that_an_unknown_change_brought_is_known_to_be_there(self, outcome: Outcome) -> None:
        world = opened(V1_PAGE)
        world.page.outcomes.append(outcome)
        world.fire("checkout", Severity.CRITICAL)
        world.clear("checkout")
        world.after(LEARNED_MS)
        came = outcome not in {Outcome.LOST_BEFORE, Outcome.CRASH_BEFORE}
        assert shown(world) == (Severity.MINOR, {"payments", "checkout"} if came else {"payments"})
        assert set(world.post.services) == set(world.page.only.services)
        world.clear()
        world.after(5 * MINUTE)
        assert ("Checkout" in world.page.only.updates[0].text) is came


@pages
@outcomes
class TestWhatFires:
    def test_it_shows_what_fires_and_keeps_its_name(self, outcome: Outcome, page_name: str) -> None:
        world = opened(page_name)
        name = world.page.only.name
        world.page.outcomes.append(outcome)
        world.fire("checkout", Severity.CRITICAL)
        world.after(LEARNED_MS)
        impacts = {"payments": IMPACTS[Severity.MINOR], "checkout": IMPACTS[Severity.CRITICAL]}
        expected = impacts if shows_impacts(page_name) else (Severity.CRITICAL, {"checkout", "payments"})
        assert (shown(world), world.page.only.name) == (expected, name)
        assert len(world.page.only.updates) == 2, "and readers are told of it"

    def test_what_falls_later_falls_after_quiet(self, outcome: Outcome, page_name: str) -> None:
        world = opened(page_name)
        world.page.outcomes.append(outcome)
        world.fire("checkout", Severity.CRITICAL)
        world.after(LEARNED_MS)
        before = shown(world)
        world.clear("checkout")
        world.after(POLICY.resolve_after_ms - 1)
        assert shown(world) == before
        world.after(1)
        impacts = {"payments": IMPACTS[Severity.MINOR]}
        assert shown(world) == (impacts if shows_impacts(page_name) else (Severity.MINOR, {"checkout", "payments"}))


class TestByHand:
    """What equals neither what was before nor what the change would bring is a person's, and stays."""

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE])
    def test_an_impact_that_a_person_raised_meanwhile_stays(self, outcome: Outcome) -> None:
        world = opened(STATUS)
        world.page.outcomes.append(outcome)
        world.fire("checkout", Severity.MAJOR)
        impacts = {"payments": Impact.PARTIAL_OUTAGE, "checkout": Impact.MAJOR_OUTAGE}
        world.page.edit(world.page.only.id, impacts=impacts)
        world.clear("checkout")
        world.after(LEARNED_MS)
        world.fire("search", Severity.MINOR)
        assert shown(world) == {**impacts, "search": IMPACTS[Severity.MINOR]}

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE])
    def test_a_severity_that_a_person_raised_meanwhile_stays(self, outcome: Outcome) -> None:
        world = opened(V1_PAGE)
        world.page.outcomes.append(outcome)
        world.fire("payments", Severity.MEDIUM)
        world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
        world.alerts.fire(world.now, "payments", Severity.MINOR)
        world.after(LEARNED_MS)
        world.fire("search", Severity.MAJOR)
        assert world.page.only.severity is Severity.CRITICAL

    @pages
    def test_a_name_that_a_person_gave_meanwhile_stays(self, page_name: str) -> None:
        world = opened(page_name)
        world.page.outcomes.append(Outcome.LOST_AFTER)
        world.fire("payments", Severity.CRITICAL)
        world.page.edit(world.page.only.id, name="By hand")
        world.clear("payments")
        world.fire("checkout")
        world.after(LEARNED_MS)
        assert world.page.only.name == "By hand"


@outcomes
class TestTwoInARow:
    @pages
    def test_the_page_shows_what_fires_after_both_have_settled(self, outcome: Outcome, page_name: str) -> None:
        world = opened(page_name)
        world.page.outcomes.extend([outcome, outcome])
        world.fire("checkout", Severity.CRITICAL)
        world.after(LEASE_MS + SETTLE_MS)
        world.fire("search", Severity.MAJOR)
        world.clear("checkout")
        world.alerts.fire(world.now, "search", Severity.MEDIUM)
        world.after(2 * LEARNED_MS)
        world.after(POLICY.resolve_after_ms)
        impacts = {"payments": IMPACTS[Severity.MINOR], "search": IMPACTS[Severity.MEDIUM]}
        if shows_impacts(page_name):
            assert shown(world) == impacts
        else:
            assert world.page.only.severity is Severity.MEDIUM
            assert set(world.post.services) == set(world.page.only.services)


@pages
@outcomes
class TestOpening:
    def test_what_a_lost_opening_brought_is_ours(self, outcome: Outcome, page_name: str) -> None:
        world = of_generation(page_name)(POLICY, [outcome])
        world.page.late_ms = SETTLE_MS - 1
        world.fire("payments", Severity.MINOR)
        world.fire("checkout", Severity.CRITICAL)
        world.after(MINUTE)
        world.clear("checkout")
        world.after(LEARNED_MS + POLICY.resolve_after_ms)
        (incident,) = world.page.standing
        impacts = {"payments": IMPACTS[Severity.MINOR]}
        if shows_impacts(page_name):
            assert shown(world) == impacts
        else:
            assert (incident.severity, set(world.post.services)) == (Severity.MINOR, set(incident.services))
        assert world.post.name == incident.name


@pages
@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.CRASH_AFTER])
def test_what_a_person_raised_before_a_lost_opening_is_found_stays(outcome: Outcome, page_name: str) -> None:
    world = of_generation(page_name)(POLICY, [outcome])
    world.fire("payments", Severity.MINOR)
    world.after(MINUTE)
    world.page.edit(world.page.only.id, severity=Severity.CRITICAL)
    world.after(LEASE_MS)
    world.fire("payments", Severity.MEDIUM)
    world.fire("payments", Severity.MINOR)
    world.after(5 * MINUTE)
    assert world.page.only.severity is Severity.CRITICAL


def test_an_impact_that_was_set_under_a_key_that_was_renamed_since_is_ours() -> None:
    world = opened(STATUS, Severity.CRITICAL)
    config = world.live.current
    world.live.current = replace(config, services={**config.services, "checkout": config.services["payments"]})
    world.page.edit(world.page.only.id, impacts={"checkout": IMPACTS[Severity.CRITICAL]})  # the same component
    world.clear("payments")
    world.fire("checkout", Severity.MINOR)
    world.fire("search", Severity.MINOR)
    world.after(5 * MINUTE)
    assert ailing(world)["checkout"] is IMPACTS[Severity.MINOR]
