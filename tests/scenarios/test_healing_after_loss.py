"""Redis has lost everything while outages are on the page: their alerts are taken over from where they still stand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.silent_senders import SilentSenders, healing
from tests.scenarios.vocabulary import logged, metric, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis

    from tests.scenarios.vocabulary import Page
    from tests.servers import Bridge

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("alertmanager")]

INCIDENTS = 20
QUIET = "z0"
ROUTES = [{"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["zone"]}]


def statuses(page: Page) -> Counter[str]:
    """How many incidents stand where."""
    return Counter(each.status for each in page.incidents)


def test_twenty_open_incidents_are_taken_over_and_end_rightly_with_nothing_told_twice(
    start_bridge: Callable[..., Bridge], page: Page, config: Path, tmp_path: Path, redis_look: redis.Redis
):
    bridge = start_bridge()
    zones = [f"z{number}" for number in range(INCIDENTS)]
    with SilentSenders(tmp_path / "senders", [bridge]) as senders:
        section = healing(senders.cluster(), absent_for="6s", missed="report")
        write_configuration(config, routes=ROUTES, healing=section)
        for zone in zones:
            senders.fires("checkout", zone)
        eventually(lambda: statuses(page) == {"INVESTIGATING": INCIDENTS}, "all incidents")
        senders.silences(QUIET)
        eventually(lambda: senders.states(QUIET) == ["suppressed"] * 2, "the silence at every peer")
        eventually(lambda: metric(bridge, "bridge_healing_rounds_total", outcome="ok") >= 1, "a first round")
        told, mailed = {each.id: each.statuses for each in page.incidents}, len(page.mails)

        redis_look.flushall()
        taken = logged(bridge, "alert_taken_in", times=INCIDENTS, within=180)
        assert Counter(each["reason"] for each in taken) == {"store_lost": INCIDENTS}
        eventually(lambda: metric(bridge, "bridge_incidents", phase="INVESTIGATING") == INCIDENTS, "all to be counted")
        assert {each.id: each.statuses for each in page.incidents} == told
        assert len(page.mails) == mailed

        for zone in zones:
            senders.ends("checkout", zone)
        eventually(lambda: statuses(page) == {"RESOLVED": INCIDENTS}, "all to end", within=120)
    assert {each.id for each in page.incidents} == told.keys()
    told_of_ends = Counter(tuple(each.statuses[1:]) for each in page.incidents)  # one may be over when it is closed
    assert told_of_ends.keys() <= {("MONITORING", "RESOLVED"), ("RESOLVED",)}
    assert {each.statuses[0] for each in page.incidents} == {"INVESTIGATING"}
    assert page.opened == INCIDENTS
    assert len(page.mails) == 2 * INCIDENTS
    assert metric(bridge, "bridge_healed_total") == 1  # the silenced one; the others were told
