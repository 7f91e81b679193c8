"""What senders show when each is asked once, and what keeps healing from seeing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.healing import Alive, Cluster, PagerDutyHealing
from bridge.config.matchers import parse
from bridge.core.healing.pagerduty import OpenAlert
from bridge.core.healing.seen import Listed, PeerError, Poll
from bridge.healing.sight import MOST_ASKED, Sight, see_account, see_cluster
from tests.scenarios.pager import PagedIncident
from tests.servers import PagerDuty
from tests.unit.pagerduty_api.client_of import client_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOUR = 3_600_000
URL = "http://am-0:9093"
WATCHDOG = {"alertname": "Watchdog"}


def cluster(*urls: str, same: Sequence[str] = ()) -> Cluster:
    alive = Alive(matchers=parse("alertname = Watchdog"), same=tuple(same))
    return Cluster(name="eu", urls=urls or (URL,), alive=alive)


def poll(*labels: Mapping[str, str], age_ms: int | None = 50 * HOUR, is_settled: bool = True) -> Poll:
    listed = {
        f"f{nth}": Listed(starts_at=0, updated_at="", state="active", labels=each) for nth, each in enumerate(labels)
    }
    return Poll(process="p", age_ms=age_ms, is_settled=is_settled, alerts=listed)


async def peers(answers: Mapping[str, Poll | PeerError], ours: Sequence[str] | None = None, **options) -> list[Sight]:
    async def ask(_: Cluster, url: str) -> Poll:
        answer = answers[url]
        if isinstance(answer, PeerError):
            raise answer
        return answer

    return await see_cluster(cluster(*answers, **options), ask, ours)


async def test_a_peer_shows_since_when_it_is_up_what_it_lists_and_its_sign_of_life():
    (sight,) = await peers({URL: poll(WATCHDOG, {"alertname": "a"})}, ["f1", "gone"])
    assert sight == Sight(
        sender="eu",
        address=URL,
        shows="up 2d, lists 2 alerts, shows a sign of life, 1 of them of our 2 open ones",
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (poll(WATCHDOG, age_ms=None), "does not say since when it is up"),
        (poll(WATCHDOG, age_ms=90_500), "up 1m"),
        (poll(WATCHDOG, age_ms=4_500), "up 4s"),
        (poll(WATCHDOG, is_settled=False), "its cluster is not settled"),
        (poll(WATCHDOG, {**WATCHDOG, "prometheus": "b"}), "shows 2 signs of life: if they are of several Prometheus"),
    ],
)
async def test_what_is_to_be_known_of_it_is_said(answer, words):
    (sight,) = await peers({URL: answer})
    assert words in sight.shows
    assert sight.problem == ""
    assert "our" not in sight.shows


async def test_each_peer_is_told_of_and_what_is_wrong_with_it():
    other = "http://am-1:9093"
    wrong: dict[str, Poll | PeerError] = {URL: PeerError("unreachable", "refused"), other: poll({"alertname": "a"})}
    first, second = await peers(wrong, same=["prometheus"])
    assert (first.address, first.problem) == (URL, "unreachable: refused")
    assert (second.address, second.problem.partition(":")[0]) == (other, "shows no sign of life")


async def test_a_sign_of_life_without_the_labels_to_compare_is_a_problem():
    (sight,) = await peers({URL: poll(WATCHDOG)}, same=["promethues"])
    assert sight.problem == "shows no sign of life that has the labels of alive.same, so nothing is closed by it"


async def test_signs_of_life_that_do_not_differ_in_the_labels_to_compare_are_told():
    labels = {**WATCHDOG, "cluster": "eu"}
    (sight,) = await peers({URL: poll(labels, {**labels, "prometheus": "b"})}, same=["cluster"])
    assert "alive.same must name a label" in sight.shows


class TestAccount:
    """An account of PagerDuty."""

    @pytest.fixture
    def pagerduty(self):
        account = PagerDuty()
        yield account
        assert account.violations == []

    @staticmethod
    async def seen(pagerduty: PagerDuty, ours: Sequence[str] | None = None, *, key: str = "", subscription: str = ""):
        client = client_of(pagerduty, key or pagerduty.key)
        entry = PagerDutyHealing(sender="eu", credentials="KEY", subscription=subscription)
        opened = (
            None
            if ours is None
            else [OpenAlert(fingerprint=id_, seen_at=nth, observed_at=nth) for nth, id_ in enumerate(ours)]
        )
        (sight,) = await see_account(entry, URL, client, opened)
        await client.close()
        assert (sight.sender, sight.address) == ("pagerduty eu", URL)
        return sight

    async def test_it_accepts_the_key(self, pagerduty):
        assert (await self.seen(pagerduty)).shows == "accepts the key"
        assert (await self.seen(pagerduty, [])).shows == "accepts the key, no incident of ours is open"

    async def test_it_shows_what_is_open_here(self, pagerduty):
        on, over = PagedIncident("Q1"), PagedIncident("Q2")
        over.resolved()
        pagerduty.incidents |= {"Q1": on.shown, "Q2": over.shown}
        sight = await self.seen(pagerduty, ["Q1", "Q2", "Q3"])
        assert sight.shows == "shows of our 3 open incidents: 1 open, 1 over, 1 unknown"

    async def test_of_many_those_are_asked_about_that_were_not_heard_of_for_the_longest(self, pagerduty):
        sight = await self.seen(pagerduty, [f"Q{nth}" for nth in range(100)])
        assert sight.shows == "shows of 20 of our 100 open incidents: 20 unknown"
        assert pagerduty.asked == [f"/incidents/Q{nth}" for nth in range(MOST_ASKED)]

    async def test_its_subscription_delivers_is_off_or_is_not_there(self, pagerduty):
        pagerduty.subscribe("PSUB")
        assert (await self.seen(pagerduty, subscription="PSUB")).shows == "accepts the key, its subscription delivers"
        pagerduty.disable("PSUB")
        assert (await self.seen(pagerduty, subscription="PSUB")).problem == "the subscription PSUB is off"
        assert (await self.seen(pagerduty, subscription="P9")).problem == "has no webhook subscription P9"

    async def test_another_key_is_a_problem_once(self, pagerduty):
        sight = await self.seen(pagerduty, key="an0ther", subscription="PSUB")
        assert (sight.shows, sight.problem) == ("", "refused: 401")
