"""Components of several pages, each with an impact that follows the alerts; pages that go, come and are migrated."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.checkly.errors import Nowhere
from bridge.core.outcomes import PARK_RETRY_MS
from bridge.model import V1_PAGE, Impact, Phase, Progress, Severity, v3_page
from tests.unit.reconciler.page import IMPACTS, Outcome, Page
from tests.unit.reconciler.page_harness import ID, MINUTE, POLICY, SECOND, World, names

SHOP, WEB = v3_page("shop"), v3_page("web")
WORST, BAD, FINE = Impact.MAJOR_OUTAGE, IMPACTS[Severity.MAJOR], Impact.OPERATIONAL


def two_pages() -> World:
    """Checkout and payments on one page, search on another; nothing fires yet."""
    world = World(POLICY)
    for name in (SHOP, WEB):
        world.pages[name] = Page(lambda: world.now, has_impacts=True, name=name)
    world.pages_of = {"checkout": (SHOP,), "payments": (SHOP,), "search": (WEB,)}
    world.restart()
    return world


def shown(world: World, page: str) -> dict[str, Impact]:
    """What is amiss on the page, as readers see it."""
    return {name: impact for each in world.pages[page].standing for name, impact in each.impacts.items() if impact}


def statuses(world: World, page: str) -> list[Phase]:
    return [incident.status for incident in world.pages[page].incidents]


class TestTwoPages:
    def test_each_component_shows_the_impact_of_its_own_alerts(self) -> None:
        world = two_pages()
        world.fire("checkout", Severity.MAJOR)
        world.fire("search", Severity.CRITICAL)
        world.after(MINUTE)
        assert (shown(world, SHOP), shown(world, WEB)) == ({"checkout": BAD}, {"search": WORST})
        world.fire("payments", Severity.CRITICAL)
        assert shown(world, SHOP) == {"checkout": BAD, "payments": WORST}
        world.clear("payments")
        world.clear("search")
        world.after(POLICY.resolve_after_ms - 1)
        assert (shown(world, SHOP), shown(world, WEB)) == ({"checkout": BAD, "payments": WORST}, {"search": WORST})
        world.after(2 * SECOND)
        assert (shown(world, SHOP), shown(world, WEB)) == ({"checkout": BAD}, {})
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        world.clear()
        world.after(5 * MINUTE)
        for page in (SHOP, WEB):
            assert statuses(world, page) == [Phase.RESOLVED]
            assert world.pages[page].writes.count("update RESOLVED") == 1

    @pytest.mark.parametrize("outcome", [Outcome.LOST_AFTER, Outcome.LOST_BEFORE, Outcome.REJECTED, Outcome.NOT_SENT])
    def test_a_page_that_fails_holds_back_nothing_on_the_other(self, outcome: Outcome) -> None:
        world = two_pages()
        world.pages[SHOP].outcomes.append(outcome)
        world.fire("checkout")
        world.fire("search")
        world.after(MINUTE)
        assert statuses(world, WEB) == [Phase.INVESTIGATING]
        world.after(2 * PARK_RETRY_MS)
        assert statuses(world, SHOP) == [Phase.INVESTIGATING]
        world.pages[SHOP].is_down = True
        world.clear()
        world.after(5 * MINUTE)
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        world.pages[SHOP].is_down = False
        world.after(MINUTE)
        assert statuses(world, SHOP) == [Phase.RESOLVED]

    def test_an_outage_that_spreads_to_another_page_opens_there_and_ends_on_both(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        assert statuses(world, WEB) == []
        world.fire("search")
        assert statuses(world, WEB) == [Phase.INVESTIGATING]
        world.clear()
        world.after(5 * MINUTE)
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])

    @pytest.mark.parametrize("said", [Phase.MONITORING, Phase.RESOLVED])
    def test_what_fires_again_on_one_page_is_not_told_on_the_other(self, said: Phase) -> None:
        world = two_pages()
        world.fire("checkout")
        world.fire("search")
        world.after(MINUTE)
        world.clear()
        world.after(5 * MINUTE if said is Phase.RESOLVED else SECOND)
        writes = list(world.pages[WEB].writes)
        world.fire("checkout")
        world.after(10 * MINUTE)
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.INVESTIGATING], [Phase.RESOLVED])
        assert world.pages[WEB].writes[len(writes) :] == ([] if said is Phase.RESOLVED else ["update RESOLVED"])
        world.clear()
        world.after(5 * MINUTE)
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])
        assert world.pages[WEB].writes.count("update RESOLVED") == 1

    def test_after_a_total_loss_of_the_store_each_page_s_incident_is_taken_over(self) -> None:
        world = two_pages()
        for service in ("checkout", "payments", "search"):
            world.fire(service)
        world.after(MINUTE)
        world.store.progress = Progress()
        world.restart()
        world.settle()
        assert world.progress.posts.keys() == {SHOP, WEB}
        world.clear("payments")
        world.after(5 * MINUTE)
        assert (shown(world, SHOP), shown(world, WEB)) == ({"checkout": BAD}, {"search": BAD})
        world.clear()
        world.after(5 * MINUTE)
        assert (statuses(world, SHOP), statuses(world, WEB)) == ([Phase.RESOLVED], [Phase.RESOLVED])

    def test_what_was_taken_over_shows_as_well_what_has_recovered_meanwhile(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.fire("payments")
        world.after(MINUTE)
        world.store.progress = Progress()
        world.restart()
        world.clear("payments")
        world.after(10 * MINUTE)
        assert shown(world, SHOP) == {"checkout": BAD}
        assert world.pages[SHOP].writes == ["open MAJOR", "change MAJOR"], "nobody is told twice"


class TestByHand:
    def test_an_impact_that_a_person_raised_stays_and_one_lowered_is_raised_again(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        page = world.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": WORST})
        world.fire("payments")
        assert shown(world, SHOP) == {"checkout": WORST, "payments": BAD}
        page.edit(page.only.id, impacts={"checkout": WORST, "payments": IMPACTS[Severity.MINOR]})
        world.fire("payments", Severity.MEDIUM)
        world.after(10 * MINUTE)
        assert shown(world, SHOP) == {"checkout": WORST, "payments": IMPACTS[Severity.MEDIUM]}

    def test_an_impact_that_a_person_raised_outlasts_the_alerts_of_its_component(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.fire("payments")
        world.after(MINUTE)
        page = world.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": BAD, "payments": WORST})
        world.clear("payments")
        world.after(5 * MINUTE)
        assert shown(world, SHOP) == {"checkout": BAD, "payments": WORST}
        world.clear()
        world.after(5 * MINUTE)
        assert statuses(world, SHOP) == [Phase.RESOLVED]

    def test_a_component_that_a_person_added_stays(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        page = world.pages[SHOP]
        page.edit(page.only.id, impacts={"checkout": BAD, "payments": IMPACTS[Severity.MINOR]})
        world.fire("checkout", Severity.CRITICAL)
        assert shown(world, SHOP) == {"checkout": WORST, "payments": IMPACTS[Severity.MINOR]}

    def test_a_change_of_unknown_outcome_is_no_person_s(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        world.pages[SHOP].outcomes.append(Outcome.LOST_AFTER)
        world.fire("checkout", Severity.CRITICAL)
        world.alerts.fire(world.now, "checkout", Severity.MINOR)
        world.after(10 * MINUTE)
        assert shown(world, SHOP) == {"checkout": IMPACTS[Severity.MINOR]}


class TestNowhere:
    """A page that is not on the account."""

    def nowhere(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fails(*_: object, **__: object) -> Any:
            raise Nowhere("nothing to publish on: no such page")

        for method in ("open", "read", "change", "update", "open_incidents"):
            monkeypatch.setattr(world.pages[SHOP], method, fails)

    def test_it_parks_the_post_with_the_reason_and_tries_again_rarely(
        self, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
    ) -> None:
        world = two_pages()
        with monkeypatch.context() as patch:
            self.nowhere(world, patch)
            world.fire("checkout")
            world.after(MINUTE)
            post = world.progress.posts[SHOP]
            assert (post.parked, post.retry_at) == ("nothing to publish on: no such page", world.now + PARK_RETRY_MS)
            assert names(logged).count("incident_parked") == 1
        world.after(PARK_RETRY_MS)
        assert (shown(world, SHOP), world.progress.posts[SHOP].parked) == ({"checkout": BAD}, None)

    def test_an_incident_on_a_page_that_has_gone_is_parked_and_ends_when_it_is_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        with monkeypatch.context() as patch:
            self.nowhere(world, patch)
            world.clear()
            world.after(5 * MINUTE)
            assert world.progress.posts[SHOP].parked == "nothing to publish on: no such page"
        world.after(PARK_RETRY_MS)
        assert statuses(world, SHOP) == [Phase.RESOLVED]

    def test_a_page_that_comes_later_is_searched_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = two_pages()
        world.fire("search")
        world.after(MINUTE)
        ours = world.pages[WEB].only
        with monkeypatch.context() as patch:
            self.nowhere(world, patch)
            world.pages_of = {"search": (SHOP,)}
            world.clear()
            world.after(5 * MINUTE)
        assert statuses(world, WEB) == [Phase.RESOLVED]
        world.pages[SHOP].put(replace(ours, id="migrated"))
        world.after(PARK_RETRY_MS)
        assert statuses(world, SHOP) == [Phase.RESOLVED]


class TestMoves:
    """The configuration sends services elsewhere while an incident stands."""

    def before(self) -> World:
        world = World(POLICY)
        world.pages = {
            V1_PAGE: Page(lambda: world.now),
            SHOP: Page(lambda: world.now, has_impacts=True, name="shop"),
        }
        world.pages_of = {"checkout": (V1_PAGE,)}
        world.restart()
        world.fire()
        world.after(MINUTE)
        return world

    def reload(self, world: World, **pages_of: tuple[str, ...]) -> None:
        world.pages_of = pages_of
        world.live.current = replace(world.live.current, digest=str(pages_of))
        world.after(0)

    def migrate(self, world: World, remote_id: str | None = None) -> None:
        ours = world.pages[V1_PAGE].only
        everything_out = dict.fromkeys(ours.services, WORST)
        world.pages[SHOP].put(replace(ours, id=remote_id or ours.id, impacts=everything_out))

    @pytest.mark.parametrize("remote_id", [None, "another"], ids=["same id", "another id"])
    @pytest.mark.parametrize("cleared_ms", [None, 0, MINUTE, 30 * MINUTE])
    def test_what_was_carried_over_to_the_new_page_is_followed_to_its_end(
        self, remote_id: str | None, cleared_ms: int | None
    ) -> None:
        world = self.before()
        self.migrate(world, remote_id)
        if cleared_ms is not None:
            world.clear()
            world.after(cleared_ms)
        self.reload(world, checkout=(SHOP,))
        world.after(MINUTE)
        assert len(world.pages[SHOP].incidents) == 1
        assert world.progress.posts[SHOP].remote_id == world.pages[SHOP].only.id
        if cleared_ms is None:
            assert shown(world, SHOP) == {"checkout": BAD}, "as bad as it is"
        world.clear()
        world.after(10 * MINUTE)
        assert [statuses(world, page) for page in (V1_PAGE, SHOP)] == [[Phase.RESOLVED]] * 2
        assert world.pages[SHOP].writes.count("update RESOLVED") == 1

    @pytest.mark.parametrize("remote_id", [None, "another"], ids=["same id", "another id"])
    def test_words_that_were_carried_over_are_not_told_again(self, remote_id: str | None) -> None:
        world = self.before()
        world.public_note("We are rolling back.")
        world.after(MINUTE)
        self.migrate(world, remote_id)
        self.reload(world, checkout=(SHOP,))
        world.after(MINUTE)
        world.public_note("Rolled back.")
        world.after(MINUTE)
        texts = [update.text.partition("\n")[0] for update in world.pages[SHOP].only.updates]
        assert sorted(texts[:2]) == ["Rolled back.", "We are rolling back."]
        assert world.pages[SHOP].writes == ["change MAJOR", "update INVESTIGATING"]

    def test_where_nothing_was_carried_over_it_is_posted_once_and_the_old_one_ends(self) -> None:
        world = self.before()
        self.reload(world, checkout=(SHOP,))
        assert world.pages[SHOP].writes == ["open MAJOR"]
        world.clear()
        world.after(10 * MINUTE)
        assert [statuses(world, page) for page in (V1_PAGE, SHOP)] == [[Phase.RESOLVED]] * 2

    def test_what_has_cleared_and_was_not_carried_over_is_not_posted(self) -> None:
        world = self.before()
        world.clear()
        self.reload(world, checkout=(SHOP,))
        world.after(10 * MINUTE)
        assert (statuses(world, V1_PAGE), statuses(world, SHOP)) == ([Phase.RESOLVED], [])

    def test_a_reload_that_moves_nothing_costs_no_call(self) -> None:
        world = self.before()
        calls = world.pages[V1_PAGE].calls
        self.reload(world, checkout=(V1_PAGE,), search=(SHOP,))
        world.after(MINUTE)
        assert (world.pages[V1_PAGE].calls, world.pages[SHOP].calls) == (calls, 0)

    @pytest.mark.parametrize("fires", [True, False])
    @pytest.mark.parametrize("other", ["v3:00000000", "v3:zzzz"])
    def test_a_page_that_gets_another_name_keeps_its_post(self, fires: bool, other: str) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        world.pages[other] = world.pages[SHOP]
        if not fires:
            world.clear()
        self.reload(world, checkout=(other,))
        world.after(MINUTE)
        assert world.progress.posts.keys() == {other}
        writes = ["open MAJOR"] if fires else ["open MAJOR", "update MONITORING"]
        assert world.pages[SHOP].writes == writes
        world.clear()
        world.after(10 * MINUTE)
        assert statuses(world, other) == [Phase.RESOLVED]

    def test_a_page_under_two_names_is_told_once_and_the_second_name_parked_with_the_reason(self) -> None:
        world = two_pages()
        world.fire("checkout")
        world.after(MINUTE)
        other = v3_page("zzzz")
        world.pages[other] = world.pages[SHOP]
        self.reload(world, checkout=(SHOP, other))
        world.after(MINUTE)
        reason = "v3:zzzz and v3:shop are the same page: call it by one name in the configuration"
        assert (world.progress.posts[other].parked, world.progress.posts[other].remote_id) == (reason, None)
        world.clear()
        world.after(30 * MINUTE)
        assert world.pages[SHOP].writes == ["open MAJOR", "update MONITORING", "update RESOLVED"]
        assert world.store.progress.posts[SHOP].remote_id == world.pages[SHOP].only.id

    def test_an_incident_of_another_bridge_on_the_new_page_is_not_taken_over(self) -> None:
        world = self.before()
        ours = world.pages[V1_PAGE].only
        text = ours.updates[0].text.replace(ID, "ABCDEFGHJK")
        theirs = replace(ours, id="theirs", impacts={"checkout": WORST}, updates=(replace(ours.updates[0], text=text),))
        world.pages[SHOP].put(theirs)
        world.clear()
        self.reload(world, checkout=(SHOP,))
        world.after(10 * MINUTE)
        assert statuses(world, SHOP) == [Phase.INVESTIGATING]
