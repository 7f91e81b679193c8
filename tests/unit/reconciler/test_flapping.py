"""What alerts that come and go cost readers, with the whole reconciler on the test's clock: updates, and mails."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.core.history import What
from bridge.flap import Flap
from bridge.model import V1_PAGE, Phase, Policy, UpdateKind, v3_page
from bridge.telemetry import BLIPS
from tests.unit.reconciler.page_harness import MINUTE, SECOND, PageHarness
from tests.unit.reconciler.test_impacts import SHOP, WEB, statuses, two_pages

LIFECYCLE = Path(__file__).parents[3] / "docs" / "explanation" / "lifecycle.md"
DEFAULT = Policy()
OFF = replace(DEFAULT, flap=None)
PUBLISHED = replace(DEFAULT, flap=Flap(blips="publish"))


EVERY = frozenset(UpdateKind)


def come_and_go(
    policy: Policy,
    on_ms: int,
    off_ms: int,
    total_ms: int,
    page_name: str = V1_PAGE,
    notify: frozenset[UpdateKind] = EVERY,
) -> PageHarness:
    """An outage that begins every so often, in all for so long; then nothing for an hour."""

    class OnPage(PageHarness):
        pass

    OnPage.page_name = page_name
    harness = OnPage(policy, notify=notify)
    for _ in range(total_ms // (on_ms + off_ms)):
        harness.fire()
        harness.after(on_ms)
        harness.clear()
        harness.after(off_ms)
    harness.after(60 * MINUTE)
    return harness


@pytest.mark.parametrize("page_name", [V1_PAGE, v3_page("status")])
@pytest.mark.parametrize(("policy", "updates", "mails"), [(OFF, 90, 90), (DEFAULT, 8, 8)], ids=["off", "on"])
def test_an_alert_that_flaps_every_four_minutes_for_two_hours(policy, updates, mails, page_name):
    harness = come_and_go(policy, 2 * MINUTE, 2 * MINUTE, 120 * MINUTE, page_name)
    told = [write for write in harness.page.writes if not write.startswith("change")]
    assert (len(told), len(harness.page.mails)) == (updates, mails)
    assert [each.status for each in harness.page.incidents] == [Phase.RESOLVED]
    last = harness.page.only.updates[0]
    after_monitoring_ms = SECOND if policy is OFF else 0
    assert last.public_at == harness.alerts.outage_ended_at + after_monitoring_ms, "the true last end"


@pytest.mark.parametrize(
    ("policy", "updates", "mails"), [(OFF, 0, 0), (DEFAULT, 0, 0), (PUBLISHED, 4, 4)], ids=["off", "ignore", "publish"]
)
def test_a_service_that_is_down_for_50_seconds_and_up_for_10_for_an_hour(policy, updates, mails):
    before = BLIPS.labels("checkout")._value.get()  # noqa: SLF001 - there is no public way to ask
    harness = come_and_go(policy, 50 * SECOND, 10 * SECOND, 60 * MINUTE)
    assert (len(harness.page.writes), len(harness.page.mails)) == (updates, mails)
    counted = BLIPS.labels("checkout")._value.get() - before  # noqa: SLF001 - as above
    assert counted == (1 if updates else 60), "from the second on it is public"


def figures(page: str) -> dict[tuple[str, str], list[int]]:
    """The rows of the table of figures, by the outage and what is counted, with a number for each policy."""
    found, outage = {}, ""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[1:2] and cells[1].startswith(("updates", "mails with")):
            outage = cells[0] or outage
            found[outage, cells[1]] = [int(cell) for cell in cells[2:]]
    return found


def test_the_page_about_flapping_shows_what_readers_get() -> None:
    shown = figures(LIFECYCLE.read_text())
    measured: dict[tuple[str, str], list[int]] = {}
    for outage, on_ms, off_ms, total_ms in (
        ("fires 2 minutes of every 4, for 2 hours", 2 * MINUTE, 2 * MINUTE, 120 * MINUTE),
        ("down 50 s, up 10 s, for an hour", 50 * SECOND, 10 * SECOND, 60 * MINUTE),
    ):
        for policy in (OFF, DEFAULT, PUBLISHED):
            for kinds in (list(UpdateKind), [UpdateKind.OPEN, UpdateKind.RESOLVED]):
                page = come_and_go(policy, on_ms, off_ms, total_ms, notify=frozenset(kinds)).page
                measured.setdefault((outage, f"mails with `notify: [{', '.join(kinds)}]`"), []).append(len(page.mails))
            updates = [write for write in page.writes if not write.startswith("change")]
            measured.setdefault((outage, "updates"), []).append(len(updates))
    assert shown == measured


def test_readers_see_when_it_began_and_ended_and_that_it_came_and_went() -> None:
    harness = come_and_go(PUBLISHED, 50 * SECOND, 10 * SECOND, 60 * MINUTE)
    texts = [update.text.split(".")[0] for update in reversed(harness.page.only.updates)]
    assert texts == [
        "We are investigating an issue affecting Checkout",
        "The issue affecting Checkout appears to be over",
        "An issue affecting Checkout comes and goes",
        "The issue affecting Checkout has been resolved",
    ]


def test_in_between_only_what_got_worse_is_mailed() -> None:
    harness = come_and_go(DEFAULT, 2 * MINUTE, 2 * MINUTE, 0)
    for _ in range(3):
        harness.fire()
        harness.after(2 * MINUTE)
        harness.clear()
        harness.after(2 * MINUTE)
    mails = len(harness.page.mails)
    harness.fire("payments")
    harness.public_note("We restart it.")
    harness.after(MINUTE)
    assert len(harness.page.mails) == mails, "a service that joins, and a person's words"
    harness.clear()
    harness.after(14 * MINUTE)
    statuses_seen = [harness.page.only.status]
    harness.after(MINUTE)
    assert [*statuses_seen, harness.page.only.status] == [Phase.INVESTIGATING, Phase.RESOLVED]
    assert len(harness.page.mails) == mails + 1


def flapping_told(harness: PageHarness) -> list[What]:
    return [each.what for each in harness.store.told if each.what in {What.FLAPPING_BEGAN, What.FLAPPING_ENDED}]


@pytest.mark.parametrize("end", ["clears", "fires on"])
def test_the_history_tells_once_that_it_began_to_flap_and_once_that_it_ended(end: str) -> None:
    harness = PageHarness(DEFAULT)
    for turn in range(5):
        harness.fire()
        harness.after(2 * MINUTE)
        assert flapping_told(harness) == ([What.FLAPPING_BEGAN] if turn >= 2 else [])
        harness.clear()
        harness.after(MINUTE)
    if end == "fires on":
        harness.fire()
    harness.after((15 if end == "fires on" else 14) * MINUTE - 1)
    assert flapping_told(harness) == [What.FLAPPING_BEGAN]
    harness.after(1)
    assert flapping_told(harness) == [What.FLAPPING_BEGAN, What.FLAPPING_ENDED]
    harness.after(60 * MINUTE)
    assert len(flapping_told(harness)) == 2


def test_each_page_of_one_that_flaps_is_over_by_its_own_clock() -> None:
    harness = two_pages()
    for _ in range(3):
        harness.fire("checkout")
        harness.fire("search")
        harness.after(2 * MINUTE)
        harness.clear()
        harness.after(MINUTE)
    harness.fire("checkout")
    harness.after(14 * MINUTE - 1)
    assert (statuses(harness, SHOP)[-1], statuses(harness, WEB)[-1]) == (Phase.INVESTIGATING, Phase.INVESTIGATING)
    harness.after(1)
    assert (statuses(harness, SHOP)[-1], statuses(harness, WEB)[-1]) == (Phase.INVESTIGATING, Phase.RESOLVED)
    harness.after(MINUTE)
    harness.clear()
    harness.after(SECOND)
    assert statuses(harness, SHOP)[-1] is Phase.MONITORING, "it has fired for fifteen minutes: it flaps no more"
