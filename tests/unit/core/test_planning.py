"""What is written next on a page that shows an impact per component, beside one of the v1 API."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.core.lifecycle import NEVER_PUBLISHED, FindExisting, Forget, ReadBack, WriteTo, decide
from bridge.core.planning import PlannedWrite, plan_write, signature
from bridge.core.results import Rejected
from bridge.core.view import At, View
from bridge.model import (
    V1_PAGE,
    Impact,
    Incident,
    Phase,
    Policy,
    Post,
    Progress,
    Retry,
    Severity,
    Summary,
    UpdateKind,
    Write,
    shows_impacts,
    v3_page,
    v3_reference,
)
from tests.unit.core.alerts import Alerts
from tests.unit.core.lifecycle_harness import MINUTE, POLICY, RETENTION_MS, SECOND, START, intent
from tests.unit.transitions import after, written

MAJOR, PARTIAL, DEGRADED, FINE = (
    Impact.MAJOR_OUTAGE,
    Impact.PARTIAL_OUTAGE,
    Impact.DEGRADED_PERFORMANCE,
    Impact.OPERATIONAL,
)
INVESTIGATING, MONITORING, RESOLVED = Phase.INVESTIGATING, Phase.MONITORING, Phase.RESOLVED


class Components:
    """A post on a v3 page; ``write`` makes the next write, and gives it."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy, self.now, self.alerts, self.post = policy, START, Alerts(), Post()

    def next(self, phase: Phase = INVESTIGATING) -> PlannedWrite | At | None:
        summary, now = self.alerts.summary, self.now
        view = View(
            phase=phase,
            severities=summary.services,
            summary=summary,
            policy=self.policy,
            now=now,
            today=now,
            shows_impacts=True,
        )
        return plan_write(self.post, view)

    def write(self, phase: Phase = INVESTIGATING) -> PlannedWrite:
        planned = self.next(phase)
        assert isinstance(planned, PlannedWrite), planned
        wish = replace(intent(planned), impacts=planned.impacts)
        self.post = written(self.post, wish, "remote")
        return planned


@pytest.fixture
def page() -> Components:
    page = Components()
    page.alerts.fire(page.now, "checkout", Severity.MAJOR)
    page.now += MINUTE
    page.write()
    return page


def test_an_incident_opens_with_the_impact_of_each_severity():
    page = Components()
    for service, severity in zip("abcd", Severity, strict=True):
        page.alerts.fire(page.now, service, severity)
    assert page.write().impacts == {"a": DEGRADED, "b": DEGRADED, "c": PARTIAL, "d": MAJOR}


def test_a_route_may_say_what_its_severities_do():
    page = Components(replace(POLICY, impacts={**POLICY.impacts, Severity.MINOR: Impact.UNDER_MAINTENANCE}))
    page.alerts.fire(page.now, "a", Severity.MINOR)
    assert page.write().impacts == {"a": Impact.UNDER_MAINTENANCE}


def test_an_impact_rises_at_once(page):
    page.alerts.fire(page.now, "checkout", Severity.CRITICAL)
    planned = page.write()
    assert (planned.write, planned.impacts) == (Write.CHANGE, {"checkout": MAJOR})
    told = page.write()
    assert (told.write, told.kind) == (Write.UPDATE, UpdateKind.SEVERITY)


def test_a_component_joins_at_once(page):
    page.alerts.fire(page.now, "search", Severity.MINOR)
    assert page.write().impacts == {"checkout": PARTIAL, "search": DEGRADED}


def test_a_component_is_operational_when_its_alerts_have_been_quiet_while_others_go_on(page):
    page.alerts.fire(page.now, "search", Severity.MINOR)
    page.write(), page.write()
    page.alerts.clear(page.now, "checkout")
    assert page.next() == At(page.now + POLICY.resolve_after_ms)
    page.now += POLICY.resolve_after_ms
    assert page.write().impacts == {"checkout": FINE, "search": DEGRADED}


def test_all_components_of_a_page_recover_while_the_incident_goes_on_elsewhere(page):
    page.alerts.clear(page.now)
    page.alerts.eased_at = page.now
    assert page.next() == At(page.now + POLICY.resolve_after_ms)
    page.now += POLICY.resolve_after_ms
    planned = page.write()
    assert (planned.write, planned.impacts, planned.severity) == (Write.CHANGE, {"checkout": FINE}, Severity.MAJOR)
    assert page.next() is None


def test_one_rises_while_another_waits_to_fall(page):
    page.alerts.fire(page.now, "search", Severity.MINOR)
    page.write(), page.write()
    page.alerts.clear(page.now, "checkout")
    page.alerts.fire(page.now, "search", Severity.CRITICAL)
    assert page.write().impacts == {"checkout": PARTIAL, "search": MAJOR}


def test_the_all_clear_leaves_the_components_to_the_end(page):
    page.alerts.clear(page.now)
    page.now += SECOND
    assert page.write(MONITORING).write is Write.UPDATE
    assert page.post.impacts == {"checkout": PARTIAL}
    page.now += POLICY.resolve_after_ms
    assert page.write(RESOLVED).status is RESOLVED
    assert page.post.impacts == {"checkout": FINE}
    assert page.next(RESOLVED) is None


def test_an_incident_is_open_again_before_its_components_are_said_to_fail(page):
    page.alerts.clear(page.now)
    page.now += POLICY.resolve_after_ms
    page.write(RESOLVED)
    page.alerts.fire(page.now, "search", Severity.CRITICAL)
    page.now += MINUTE
    first, second = page.write(), page.write()
    assert (first.write, first.kind, first.status) == (Write.UPDATE, UpdateKind.OPEN, INVESTIGATING)
    assert (second.write, second.impacts) == (Write.CHANGE, {"checkout": FINE, "search": MAJOR})


def test_an_update_changes_no_component(page):
    before = page.post.impacts
    page.post = replace(page.post, status=Phase.IDENTIFIED)
    assert page.write().write is Write.UPDATE
    assert page.post.impacts == before


def test_a_refused_change_to_one_impact_leaves_another_to_be_tried(page):
    page.alerts.fire(page.now, "checkout", Severity.CRITICAL)
    refused = page.next()
    assert isinstance(refused, PlannedWrite)
    page.post = after(page.post, Rejected(signature=signature(refused), detail="400"), now=page.now)
    assert not isinstance(page.next(), PlannedWrite) or page.next().write is Write.UPDATE
    page.alerts.fire(page.now, "search", Severity.MINOR)
    assert page.write().write is Write.CHANGE


class TestPages:
    def incident(self, phase: Phase, posts: dict[str, Post], alerts: Alerts | None = None) -> Incident:
        summary = (alerts or Alerts()).summary
        return Incident(
            id="0123456789",
            key="k",
            route="r",
            summary=summary,
            progress=Progress(phase=phase, phase_since=START, posts=posts),
        )

    def decide(self, incident: Incident, now: int = START, **pages_of: tuple[str, ...]) -> Any:
        return decide(incident, POLICY, now, retention_ms=RETENTION_MS, pages_of=pages_of)

    def test_names_of_pages(self):
        assert (shows_impacts(V1_PAGE), shows_impacts(v3_page("status"))) == (False, True)
        assert v3_reference(v3_page("status")) == "status"

    def test_a_service_is_posted_in_both_generations_each_in_its_own_terms(self):
        alerts = Alerts()
        alerts.fire(START, "shop", Severity.CRITICAL)
        incident = self.incident(INVESTIGATING, {}, alerts)
        seen = []
        for _ in range(2):
            step = self.decide(incident, START + MINUTE, shop=("v1", "v3:status"))
            assert isinstance(step, WriteTo)
            seen.append((step.page, step.planned.severity, step.planned.impacts))
            wish = replace(intent(step.planned), impacts=step.planned.impacts)
            post = written(Post(), wish, step.page)
            incident = replace(
                incident, progress=replace(step.progress, posts={**step.progress.posts, step.page: post})
            )
        assert seen == [("v1", Severity.CRITICAL, {}), ("v3:status", Severity.CRITICAL, {"shop": MAJOR})]

    def test_a_page_that_fails_does_not_hold_back_another(self):
        alerts = Alerts()
        alerts.fire(START, "shop")
        waiting = Post(retry=Retry(at=START + 10 * MINUTE))
        step = self.decide(
            self.incident(INVESTIGATING, {"v3:a": waiting}, alerts), START + MINUTE, shop=("v3:a", "v3:b")
        )
        assert isinstance(step, WriteTo)
        assert step.page == "v3:b"

    @pytest.mark.parametrize("posts", [{}, {"v1": Post()}])
    def test_before_an_incident_is_discarded_it_is_looked_for_on_every_page(self, posts):
        searched = dict(posts)
        while isinstance(
            step := self.decide(self.incident(Phase.DISCARDED, searched), shop=("v1", "v3:a"), x=("v3:b",)),
            FindExisting,
        ):
            searched[step.page] = Post()
        assert searched.keys() == {"v1", "v3:a", "v3:b"}

    @pytest.mark.parametrize("phase", [INVESTIGATING, MONITORING, RESOLVED])
    def test_what_was_published_is_looked_for_where_its_service_is_shown_now(self, phase):
        stands = Post(remote_id="1", status=RESOLVED if phase is RESOLVED else INVESTIGATING, services=("shop",))
        step = self.decide(self.incident(phase, {"v1": stands}), shop=("v3:a",))
        assert step == FindExisting(progress=step.progress, page="v3:a")

    def test_where_it_fires_opening_looks_there(self):
        alerts = Alerts()
        alerts.fire(START, "shop")
        stands = Post(remote_id="1", status=INVESTIGATING, services=("shop",), severity=Severity.MAJOR)
        step = self.decide(self.incident(INVESTIGATING, {"v1": stands}, alerts), START + MINUTE, shop=("v3:a",))
        assert isinstance(step, WriteTo)

    def test_a_search_that_failed_waits_for_its_time(self):
        posts = {"v1": Post(find_existing_at=START + SECOND)}
        assert self.decide(self.incident(Phase.DISCARDED, posts), shop=("v1",)).until == START + SECOND
        assert isinstance(
            self.decide(self.incident(Phase.DISCARDED, posts), START + SECOND, shop=("v1",)), FindExisting
        )

    def test_a_write_of_unknown_outcome_comes_before_a_search(self):
        posts = {
            "v1": Post(
                intent=intent(
                    PlannedWrite(
                        write=Write.OPEN,
                        status=INVESTIGATING,
                        kind=UpdateKind.OPEN,
                        severity=Severity.MAJOR,
                        services=(),
                        labels={},
                        public_at=START,
                    )
                ),
                find_existing_at=START,
            )
        }
        assert isinstance(self.decide(self.incident(INVESTIGATING, posts)), ReadBack)

    @pytest.mark.parametrize(("fires", "phase"), [(True, INVESTIGATING), (False, MONITORING)])
    @pytest.mark.parametrize("before", [Phase.PENDING, Phase.DISCARDED])
    def test_an_incident_that_is_found_published_goes_on(self, before, fires, phase):
        alerts = Alerts(cleared_at=START)
        if fires:
            alerts.fire(START, "shop")
        stands = Post(remote_id="1", status=INVESTIGATING, services=("shop",), severity=Severity.MAJOR)
        step = self.decide(self.incident(before, {"v1": stands}, alerts), shop=("v1",))
        assert step.progress.phase is phase

    def test_one_that_nothing_was_known_of_is_soon_forgotten(self):
        incident = replace(self.incident(Phase.DISCARDED, {"v1": Post()}), summary=Summary(cleared_at=START))
        incident = replace(incident, progress=replace(incident.progress, phase_since=START))
        assert self.decide(incident, START, shop=("v1",)).until == START + 15 * MINUTE

    def test_an_outage_that_came_and_went_unseen_is_said_to_be_missed(self):
        alerts = Alerts()
        alerts.fire(START, "shop")
        alerts.clear(START + MINUTE + 1)
        step = self.decide(self.incident(Phase.PENDING, {"v1": Post()}, alerts), START + 9 * MINUTE, shop=("v1",))
        assert (step.progress.phase, step.progress.note) == (RESOLVED, NEVER_PUBLISHED)

    def test_all_pages_are_searched_though_the_first_one_has_it(self):
        first = self.decide(self.incident(Phase.DISCARDED, {}), shop=("v1", "v3:a"))
        assert isinstance(first, FindExisting)
        stands = Post(remote_id="1", status=INVESTIGATING, severity=Severity.MAJOR)
        posts = {**first.progress.posts, first.page: stands}
        second = self.decide(self.incident(MONITORING, posts), shop=("v1", "v3:a"))
        assert isinstance(second, FindExisting)
        assert {first.page, second.page} == {"v1", "v3:a"}

    def test_a_search_that_finds_no_end_keeps_an_incident_as_long_as_any_and_no_longer(self):
        incident = replace(self.incident(Phase.DISCARDED, {"v1": Post(find_existing_at=START + 10 * RETENTION_MS)}))
        assert self.decide(incident, START + RETENTION_MS - 1, shop=("v1",)).until == START + RETENTION_MS
        assert isinstance(self.decide(incident, START + RETENTION_MS, shop=("v1",)), Forget)

    @pytest.mark.parametrize("phase", [Phase.PENDING, INVESTIGATING, MONITORING, RESOLVED])
    def test_where_something_is_recorded_nothing_is_searched(self, phase):
        alerts = Alerts(
            cleared_at=START, firing_since=START, firing={"shop": Severity.MAJOR} if phase is INVESTIGATING else {}
        )
        posts = {"v1": Post(remote_id="1", status=phase, services=("shop",), severity=Severity.MAJOR), "v3:a": Post()}
        step = self.decide(self.incident(phase, posts, alerts), shop=("v1", "v3:a"), other=("v3:b",))
        assert not isinstance(step, FindExisting)

    @pytest.mark.parametrize(("pages_of", "falls"), [({"shop": ("v3:b",)}, False), ({"mail": ("v3:a",)}, True)])
    def test_on_a_page_that_left_the_configuration_no_component_can_be_changed(self, pages_of, falls):
        alerts = Alerts()
        alerts.fire(START, "shop")
        told: dict[str, Any] = {"status": INVESTIGATING, "services": ("shop",), "severity": Severity.MAJOR}
        told |= {"announced_severity": Severity.MAJOR, "announced_services": ("shop",), "impacts": {"shop": PARTIAL}}
        posts = {"v3:a": Post(remote_id="1", **told), "v3:b": Post(remote_id="2", **told)}
        step = self.decide(self.incident(INVESTIGATING, posts, alerts), START + MINUTE, **pages_of)
        assert (isinstance(step, WriteTo) and (step.page, step.planned.impacts) == ("v3:a", {"shop": FINE})) == falls
