"""What a write of unknown outcome may have brought to the page is ours: told of where it stands, and taken back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import V1_PAGE, Impact, Phase, Severity, shows_impacts, v3_page
from tests.unit.reconciler.page import IMPACTS, Outcome
from tests.unit.reconciler.page_harness import LEASE_MS, MINUTE, POLICY, SECOND, SETTLE_MS, PageHarness
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


def opened(page_name: str, severity: Severity = Severity.MINOR) -> PageHarness:
    """Payments is out, and on the page."""
    harness = of_generation(page_name)(POLICY)
    harness.page.late_ms = SETTLE_MS - 1
    harness.fire("payments", severity)
    harness.after(MINUTE)
    return harness


def shown(harness: PageHarness) -> object:
    """What readers see to be amiss: the impacts, or the severity and the services."""
    (incident,) = harness.page.standing
    return ailing(harness) if shows_impacts(harness.page_name) else (incident.severity, set(incident.services))


def ailing(harness: PageHarness) -> dict[str, Impact]:
    return {name: impact for name, impact in harness.page.only.impacts.items() if impact}


@outcomes
class TestWhatNothingFiresForAnyMore:
    @pytest.mark.parametrize("wait_ms", [0, SECOND, SETTLE_MS - 1])
    def test_a_component_that_an_unknown_change_brought_is_operational_again(
        self, outcome: Outcome, wait_ms: int
    ) -> None:
        harness = opened(STATUS)
        harness.page.outcomes.append(outcome)
        harness.fire("checkout", Severity.CRITICAL)
        harness.after(wait_ms)
        harness.clear("checkout")
        harness.after(LEARNED_MS)
        assert shown(harness) == {"payments": IMPACTS[Severity.MINOR]}
        assert len(harness.page.only.updates) == 1, "nobody was told of it"
        harness.clear()
        harness.after(5 * MINUTE)
        assert harness.page.only.status is Phase.RESOLVED

    def test_an_impact_that_an_unknown_change_raised_falls_again(self, outcome: Outcome) -> None:
        harness = opened(STATUS)
        harness.page.outcomes.append(outcome)
        harness.fire("payments", Severity.CRITICAL)
        harness.alerts.fire(harness.now, "payments", Severity.MINOR)
        harness.after(LEARNED_MS)
        assert shown(harness) == {"payments": IMPACTS[Severity.MINOR]}

    def test_a_severity_that_an_unknown_change_raised_falls_again(self, outcome: Outcome) -> None:
        harness = opened(V1_PAGE)
        harness.page.outcomes.append(outcome)
        harness.fire("payments", Severity.CRITICAL)
        harness.alerts.fire(harness.now, "payments", Severity.MINOR)
        harness.after(LEARNED_MS)
        assert shown(harness) == (Severity.MINOR, {"payments"})

    def test_a_service_that_an_unknown_change_brought_is_known_to_be_there(self, outcome: Outcome) -> None:
        harness = opened(V1_PAGE)
        harness.page.outcomes.append(outcome)
        harness.fire("checkout", Severity.CRITICAL)
        harness.clear("checkout")
        harness.after(LEARNED_MS)
        came = outcome not in {Outcome.LOST_BEFORE, Outcome.CRASH_BEFORE}
        assert shown(harness) == (Severity.MINOR, {"payments", "checkout"} if came else {"payments"})
        assert set(harness.post.services) == set(harness.page.only.services)
        harness.clear()
        harness.after(5 * MINUTE)
        assert ("Checkout" in harness.page.only.updates[0].text) is came


@pages
@outcomes
class TestWhatFires:
    def test_it_shows_what_fires_and_keeps_its_name(self, outcome: Outcome, page_name: str) -> None:
        harness = opened(page_name)
        name = harness.page.only.name
        harness.page.outcomes.append(outcome)
        harness.fire("checkout", Severity.CRITICAL)
        harness.after(LEARNED_MS)
        impacts = {"payments": IMPACTS[Severity.MINOR], "checkout": IMPACTS[Severity.CRITICAL]}
        expected = impacts if shows_impacts(page_name) else (Severity.CRITICAL, {"checkout", "payments"})
        assert (shown(harness), harness.page.only.name) == (expected, name)
        assert len(harness.page.only.updates) == 2, "and readers are told of it"

    def test_what_falls_later_falls_after_quiet(self, outcome: Outcome, page_name: str) -> None:
        harness = opened(page_name)
        harness.page.outcomes.append(outcome)
        harness.fire("checkout", Severity.CRITICAL)
        harness.after(LEARNED_MS)
        before = shown(harness)
        harness.clear("checkout")
        harness.after(POLICY.resolve_after_ms - 1)
        assert shown(harness) == before
        harness.after(1)
        impacts = {"payments": IMPACTS[Severity.MINOR]}
        assert shown(harness) == (impacts if shows_impacts(page_name) else (Severity.MINOR, {"checkout", "payments"}))


class TestByHand:
    """What equals neither what was before nor what the change would bring is a person's, and stays."""

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE])
    def test_an_impact_that_a_person_raised_meanwhile_stays(self, outcome: Outcome) -> None:
        harness = opened(STATUS)
        harness.page.outcomes.append(outcome)
        harness.fire("checkout", Severity.MAJOR)
        impacts = {"payments": Impact.PARTIAL_OUTAGE, "checkout": Impact.MAJOR_OUTAGE}
        harness.page.edit(harness.page.only.id, impacts=impacts)
        harness.clear("checkout")
        harness.after(LEARNED_MS)
        harness.fire("search", Severity.MINOR)
        assert shown(harness) == {**impacts, "search": IMPACTS[Severity.MINOR]}

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE])
    def test_a_severity_that_a_person_raised_meanwhile_stays(self, outcome: Outcome) -> None:
        harness = opened(V1_PAGE)
        harness.page.outcomes.append(outcome)
        harness.fire("payments", Severity.MEDIUM)
        harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
        harness.alerts.fire(harness.now, "payments", Severity.MINOR)
        harness.after(LEARNED_MS)
        harness.fire("search", Severity.MAJOR)
        assert harness.page.only.severity is Severity.CRITICAL

    @pages
    def test_a_name_that_a_person_gave_meanwhile_stays(self, page_name: str) -> None:
        harness = opened(page_name)
        harness.page.outcomes.append(Outcome.LOST_AFTER)
        harness.fire("payments", Severity.CRITICAL)
        harness.page.edit(harness.page.only.id, name="By hand")
        harness.clear("payments")
        harness.fire("checkout")
        harness.after(LEARNED_MS)
        assert harness.page.only.name == "By hand"


@outcomes
class TestTwoInARow:
    @pages
    def test_the_page_shows_what_fires_after_both_have_settled(self, outcome: Outcome, page_name: str) -> None:
        harness = opened(page_name)
        harness.page.outcomes.extend([outcome, outcome])
        harness.fire("checkout", Severity.CRITICAL)
        harness.after(LEASE_MS + SETTLE_MS)
        harness.fire("search", Severity.MAJOR)
        harness.clear("checkout")
        harness.alerts.fire(harness.now, "search", Severity.MEDIUM)
        harness.after(2 * LEARNED_MS)
        harness.after(POLICY.resolve_after_ms)
        impacts = {"payments": IMPACTS[Severity.MINOR], "search": IMPACTS[Severity.MEDIUM]}
        if shows_impacts(page_name):
            assert shown(harness) == impacts
        else:
            assert harness.page.only.severity is Severity.MEDIUM
            assert set(harness.post.services) == set(harness.page.only.services)


@pages
@outcomes
class TestOpening:
    def test_what_a_lost_opening_brought_is_ours(self, outcome: Outcome, page_name: str) -> None:
        harness = of_generation(page_name)(POLICY, [outcome])
        harness.page.late_ms = SETTLE_MS - 1
        harness.fire("payments", Severity.MINOR)
        harness.fire("checkout", Severity.CRITICAL)
        harness.after(MINUTE)
        harness.clear("checkout")
        harness.after(LEARNED_MS + POLICY.resolve_after_ms)
        (incident,) = harness.page.standing
        impacts = {"payments": IMPACTS[Severity.MINOR]}
        if shows_impacts(page_name):
            assert shown(harness) == impacts
        else:
            assert (incident.severity, set(harness.post.services)) == (Severity.MINOR, set(incident.services))
        assert harness.post.name == incident.name


@pages
@pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.CRASH_AFTER])
def test_what_a_person_raised_before_a_lost_opening_is_found_stays(outcome: Outcome, page_name: str) -> None:
    harness = of_generation(page_name)(POLICY, [outcome])
    harness.fire("payments", Severity.MINOR)
    harness.after(MINUTE)
    harness.page.edit(harness.page.only.id, severity=Severity.CRITICAL)
    harness.after(LEASE_MS)
    harness.fire("payments", Severity.MEDIUM)
    harness.fire("payments", Severity.MINOR)
    harness.after(5 * MINUTE)
    assert harness.page.only.severity is Severity.CRITICAL


def test_an_impact_that_was_set_under_a_key_that_was_renamed_since_is_ours() -> None:
    harness = opened(STATUS, Severity.CRITICAL)
    config = harness.live.current
    harness.live.current = replace(config, services={**config.services, "checkout": config.services["payments"]})
    harness.page.edit(harness.page.only.id, impacts={"checkout": IMPACTS[Severity.CRITICAL]})  # the same component
    harness.clear("payments")
    harness.fire("checkout", Severity.MINOR)
    harness.fire("search", Severity.MINOR)
    harness.after(5 * MINUTE)
    assert ailing(harness)["checkout"] is IMPACTS[Severity.MINOR]
