"""Components of several pages, each with an impact that follows the alerts; pages that go, come and are migrated."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.checkly.errors import Nowhere
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.model import V1_PAGE, Impact, Phase, Progress, Severity, v3_page
from tests.unit.reconciler.page import IMPACTS, Outcome, Page
from tests.unit.reconciler.page_harness import ID, MINUTE, POLICY, SECOND, PageHarness, names

SHOP, WEB = v3_page("shop"), v3_page("web")
WORST, BAD, FINE = Impact.MAJOR_OUTAGE, IMPACTS[Severity.MAJOR], Impact.OPERATIONAL


def two_pages() -> PageHarness:
    """Checkout and payments on one page, search on another; nothing fires yet."""
    harness = PageHarness(POLICY)
    for name in (SHOP, WEB):
        harness.pages[name] = Page(lambda: harness.now, has_impacts=True, name=name)
    harness.pages_of = {"checkout": (SHOP,), "payments": (SHOP,), "search": (WEB,)}
    harness.restart()
    return harness


def shown(harness: PageHarness, page: str) -> dict[str, Impact]:
    """What is amiss on the page, as readers see it."""
    return {name: impact for each in harness.pages[page].standing for name, impact in each.impacts.items() if impact}


def statuses(harness: PageHarness, page: str) -> list[Phase]:
    return [incident.status for incident in harness.pages[page].incidents]


class TestTwoPages:
    def test_each_component_shows_the_impact_of_its_own_alerts(self) -> None:
        harness = two_pages()
        harness.fire("checkout", Severity.MAJOR)
        harness.fire("search", Severity.CRITICAL)
        harness.after(MINUTE)
        assert (shown(harness, SHOP), shown(harness, WEB)) == ({"checkout": BAD}, {"search": WORST})
        harness.fire("payments", Severity.CRITICAL)
        assert shown(harness, SHOP) == {"checkout": BAD, "payments": WORST}
        harness.clear("payments")
        harness.clear("search")
        harness.after(POLICY.resolve_after_ms - 1)
        assert (shown(harness, SHOP), shown(harness, WEB)) == ({"checkout": BAD, "payments": WORST}, {"search": WORST})
        harness.after(2 * SECOND)
        assert (shown(harness, SHOP), shown(harness, WEB)) == ({"checkout": BAD}, {})
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        harness.clear()
        harness.after(5 * MINUTE)
        for page in (SHOP, WEB):
            assert statuses(harness, page) == [Phase.RESOLVED]
            assert harness.pages[page].writes.count("update RESOLVED") == 1

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.REJECTED, Outcome.NOT_SENT])
    def test_a_page_that_fails_holds_back_nothing_on_the_other(self, outcome: Outcome) -> None:
        harness = two_pages()
        harness.pages[SHOP].outcomes.append(outcome)
        harness.fire("checkout")
        harness.fire("search")
        harness.after(MINUTE)
        assert statuses(harness, WEB) == [Phase.INVESTIGATING]
        harness.after(2 * PARK_RETRY_MS)
        assert statuses(harness, SHOP) == [Phase.INVESTIGATING]
        harness.pages[SHOP].is_down = True
        harness.clear()
        harness.after(5 * MINUTE)
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        harness.pages[SHOP].is_down = False
        harness.after(MINUTE)
        assert statuses(harness, SHOP) == [Phase.RESOLVED]

    def test_an_outage_that_spreads_to_another_page_opens_there_and_ends_on_both(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        assert statuses(harness, WEB) == []
        harness.fire("search")
        assert statuses(harness, WEB) == [Phase.INVESTIGATING]
        harness.clear()
        harness.after(5 * MINUTE)
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])

    @pytest.mark.parametrize("said", [Phase.MONITORING, Phase.RESOLVED])
    def test_what_fires_again_on_one_page_is_not_told_on_the_other(self, said: Phase) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.fire("search")
        harness.after(MINUTE)
        harness.clear()
        harness.after(5 * MINUTE if said is Phase.RESOLVED else SECOND)
        writes = list(harness.pages[WEB].writes)
        harness.fire("checkout")
        harness.after(10 * MINUTE)
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        assert harness.pages[WEB].writes[len(writes) :] == ([] if said is Phase.RESOLVED else ["update RESOLVED"])
        harness.clear()
        harness.after(5 * MINUTE)
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])
        assert harness.pages[WEB].writes.count("update RESOLVED") == 1

    def test_after_a_total_loss_of_the_store_each_page_s_incident_is_taken_over(self) -> None:
        harness = two_pages()
        for service in ("checkout", "payments", "search"):
            harness.fire(service)
        harness.after(MINUTE)
        harness.store.progress = Progress()
        harness.restart()
        harness.settle()
        assert harness.progress.posts.keys() == {SHOP, WEB}
        harness.clear("payments")
        harness.after(5 * MINUTE)
        assert (shown(harness, SHOP), shown(harness, WEB)) == ({"checkout": BAD}, {"search": BAD})
        harness.clear()
        harness.after(5 * MINUTE)
        assert (statuses(harness, SHOP), statuses(harness, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])

    def test_what_was_taken_over_shows_as_well_what_has_recovered_meanwhile(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.fire("payments")
        harness.after(MINUTE)
        harness.store.progress = Progress()
        harness.restart()
        harness.clear("payments")
        harness.after(10 * MINUTE)
        assert shown(harness, SHOP) == {"checkout": BAD}
        assert harness.pages[SHOP].writes == ["open MAJOR", "change MAJOR"], "nobody is told twice"


class TestByHand:
    def test_an_impact_that_a_person_set_stays_until_the_alerts_are_worse_than_it_and_than_they_were(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        page = harness.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": WORST})
        harness.fire("payments")
        assert shown(harness, SHOP) == {"checkout": WORST, "payments": BAD}
        page.edit(page.only.id, impacts={"checkout": WORST, "payments": IMPACTS[Severity.MINOR]})
        harness.fire("payments", Severity.MEDIUM)
        harness.after(10 * MINUTE)
        assert shown(harness, SHOP) == {"checkout": WORST, "payments": IMPACTS[Severity.MINOR]}
        harness.fire("payments", Severity.CRITICAL)
        assert shown(harness, SHOP) == {"checkout": WORST, "payments": WORST}

    def test_an_impact_that_a_person_raised_outlasts_the_alerts_of_its_component(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.fire("payments")
        harness.after(MINUTE)
        page = harness.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": BAD, "payments": WORST})
        harness.clear("payments")
        harness.after(5 * MINUTE)
        assert shown(harness, SHOP) == {"checkout": BAD, "payments": WORST}
        harness.clear()
        harness.after(5 * MINUTE)
        assert statuses(harness, SHOP) == [Phase.RESOLVED]

    def test_a_component_that_a_person_added_stays(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        page = harness.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": BAD, "payments": IMPACTS[Severity.MINOR]})
        harness.fire("checkout", Severity.CRITICAL)
        assert shown(harness, SHOP) == {"checkout": WORST, "payments": IMPACTS[Severity.MINOR]}

    def test_a_change_of_unknown_outcome_is_no_person_s(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        harness.pages[SHOP].outcomes.append(Outcome.LOST_AFTER)
        harness.fire("checkout", Severity.CRITICAL)
        harness.alerts.fire(harness.now, "checkout", Severity.MINOR)
        harness.after(10 * MINUTE)
        assert shown(harness, SHOP) == {"checkout": IMPACTS[Severity.MINOR]}


class TestNowhere:
    """A page that is not on the account."""

    def nowhere(self, harness: PageHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fails(*_: object, **__: object) -> Any:
            raise Nowhere("nothing to publish on: no such page")

        for method in ("open", "read", "change", "update", "open_incidents"):
            monkeypatch.setattr(harness.pages[SHOP], method, fails)

    def test_it_parks_the_post_with_the_reason_and_tries_again_rarely(
        self, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
    ) -> None:
        harness = two_pages()
        with monkeypatch.context() as patch:
            self.nowhere(harness, patch)
            harness.fire("checkout")
            harness.after(MINUTE)
            post = harness.progress.posts[SHOP]
            assert (post.retry.parked, post.retry.at) == (
                "nothing to publish on: no such page",
                harness.now + PARK_RETRY_MS,
            )
            assert names(logged).count("incident_parked") == 1
        harness.after(PARK_RETRY_MS)
        assert (shown(harness, SHOP), harness.progress.posts[SHOP].retry.parked) == ({"checkout": BAD}, None)

    def test_an_incident_on_a_page_that_has_gone_is_parked_and_ends_when_it_is_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        with monkeypatch.context() as patch:
            self.nowhere(harness, patch)
            harness.clear()
            harness.after(5 * MINUTE)
            assert harness.progress.posts[SHOP].retry.parked == "nothing to publish on: no such page"
        harness.after(PARK_RETRY_MS)
        assert statuses(harness, SHOP) == [Phase.RESOLVED]

    def test_a_page_that_comes_later_is_searched_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = two_pages()
        harness.fire("search")
        harness.after(MINUTE)
        ours = harness.pages[WEB].only
        with monkeypatch.context() as patch:
            self.nowhere(harness, patch)
            harness.pages_of = {"search": (SHOP,)}
            harness.clear()
            harness.after(5 * MINUTE)
        assert statuses(harness, WEB) == [Phase.RESOLVED]
        harness.pages[SHOP].put(replace(ours, id="migrated"))
        harness.after(PARK_RETRY_MS)
        assert statuses(harness, SHOP) == [Phase.RESOLVED]


class TestMoves:
    """The configuration sends services elsewhere while an incident stands."""

    def before(self) -> PageHarness:
        harness = PageHarness(POLICY)
        harness.pages = {
            V1_PAGE: Page(lambda: harness.now),
            SHOP: Page(lambda: harness.now, has_impacts=True, name="shop"),
        }
        harness.pages_of = {"checkout": (V1_PAGE,)}
        harness.restart()
        harness.fire()
        harness.after(MINUTE)
        return harness

    def reload(self, harness: PageHarness, **pages_of: tuple[str, ...]) -> None:
        harness.pages_of = pages_of
        harness.live.current = replace(harness.live.current, digest=str(pages_of))
        harness.after(0)

    def migrate(self, harness: PageHarness, remote_id: str | None = None) -> None:
        ours = harness.pages[V1_PAGE].only
        everything_out = dict.fromkeys(ours.services, WORST)
        harness.pages[SHOP].put(replace(ours, id=remote_id or ours.id, impacts=everything_out))

    @pytest.mark.parametrize("remote_id", [None, "another"], ids=["same id", "another id"])
    @pytest.mark.parametrize("cleared_ms", [None, 0, MINUTE, 30 * MINUTE])
    def test_what_was_carried_over_to_the_new_page_is_followed_to_its_end(
        self, remote_id: str | None, cleared_ms: int | None
    ) -> None:
        harness = self.before()
        self.migrate(harness, remote_id)
        if cleared_ms is not None:
            harness.clear()
            harness.after(cleared_ms)
        self.reload(harness, checkout=(SHOP,))
        harness.after(MINUTE)
        assert len(harness.pages[SHOP].incidents) == 1
        assert harness.progress.posts[SHOP].remote_id == harness.pages[SHOP].only.id
        if cleared_ms is None:
            assert shown(harness, SHOP) == {"checkout": BAD}, "as bad as it is"
        harness.clear()
        harness.after(10 * MINUTE)
        assert [statuses(harness, page) for page in (V1_PAGE, SHOP)] == [[Phase.RESOLVED]] * 2
        assert harness.pages[SHOP].writes.count("update RESOLVED") == 1

    @pytest.mark.parametrize("remote_id", [None, "another"], ids=["same id", "another id"])
    def test_words_that_were_carried_over_are_not_told_again(self, remote_id: str | None) -> None:
        harness = self.before()
        harness.public_note("We are rolling back.")
        harness.after(MINUTE)
        self.migrate(harness, remote_id)
        self.reload(harness, checkout=(SHOP,))
        harness.after(MINUTE)
        harness.public_note("Rolled back.")
        harness.after(MINUTE)
        texts = [update.text.partition("\n")[0] for update in harness.pages[SHOP].only.updates]
        assert sorted(texts[:2]) == ["Rolled back.", "We are rolling back."]
        assert harness.pages[SHOP].writes == ["change MAJOR", "update INVESTIGATING"]

    def test_where_nothing_was_carried_over_it_is_posted_once_and_the_old_one_ends(self) -> None:
        harness = self.before()
        self.reload(harness, checkout=(SHOP,))
        assert harness.pages[SHOP].writes == ["open MAJOR"]
        harness.clear()
        harness.after(10 * MINUTE)
        assert [statuses(harness, page) for page in (V1_PAGE, SHOP)] == [[Phase.RESOLVED]] * 2

    def test_what_has_cleared_and_was_not_carried_over_is_not_posted(self) -> None:
        harness = self.before()
        harness.clear()
        self.reload(harness, checkout=(SHOP,))
        harness.after(10 * MINUTE)
        assert (statuses(harness, V1_PAGE), statuses(harness, SHOP)) == ([Phase.RESOLVED], [])

    def test_a_reload_that_moves_nothing_costs_no_call(self) -> None:
        harness = self.before()
        calls = harness.pages[V1_PAGE].calls
        self.reload(harness, checkout=(V1_PAGE,), search=(SHOP,))
        harness.after(MINUTE)
        assert (harness.pages[V1_PAGE].calls, harness.pages[SHOP].calls) == (calls, 0)

    @pytest.mark.parametrize("fires", [True, False])
    @pytest.mark.parametrize("other", ["v3:00000000", "v3:zzzz"])
    def test_a_page_that_gets_another_name_keeps_its_post(self, fires: bool, other: str) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        harness.pages[other] = harness.pages[SHOP]
        if not fires:
            harness.clear()
        self.reload(harness, checkout=(other,))
        harness.after(MINUTE)
        assert harness.progress.posts.keys() == {other}
        writes = ["open MAJOR"] if fires else ["open MAJOR", "update MONITORING"]
        assert harness.pages[SHOP].writes == writes
        harness.clear()
        harness.after(10 * MINUTE)
        assert statuses(harness, other) == [Phase.RESOLVED]

    def test_a_page_under_two_names_is_told_once_and_the_second_name_parked_with_the_reason(self) -> None:
        harness = two_pages()
        harness.fire("checkout")
        harness.after(MINUTE)
        other = v3_page("zzzz")
        harness.pages[other] = harness.pages[SHOP]
        self.reload(harness, checkout=(SHOP, other))
        harness.after(MINUTE)
        reason = "v3:zzzz and v3:shop are the same page: call it by one name in the configuration"
        assert (harness.progress.posts[other].retry.parked, harness.progress.posts[other].remote_id) == (reason, None)
        harness.clear()
        harness.after(30 * MINUTE)
        assert harness.pages[SHOP].writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]
        assert harness.store.progress.posts[SHOP].remote_id == harness.pages[SHOP].only.id

    def test_an_incident_of_another_bridge_on_the_new_page_is_not_taken_over(self) -> None:
        harness = self.before()
        ours = harness.pages[V1_PAGE].only
        text = ours.updates[0].text.replace(ID, "ABCDEFGHJK")
        theirs = replace(ours, id="theirs", impacts={"checkout": WORST}, updates=(replace(ours.updates[0], text=text),))
        harness.pages[SHOP].put(theirs)
        harness.clear()
        self.reload(harness, checkout=(SHOP,))
        harness.after(10 * MINUTE)
        assert statuses(harness, SHOP) == [Phase.INVESTIGATING]
