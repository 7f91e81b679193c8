"""The clock of Redis' host is set, by a shim under a real Redis: outages open and end in time, each once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import Outage, Page, Published, metric, write_configuration
from tests.servers import Bridge, eventually
from tests.servers.stepped_redis import SteppedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS_S = (-3_600, -600, -30, 60, 3_600)
WITHIN_S = 10.0 * 4  # ten seconds on a machine that does nothing else

pytestmark = [pytest.mark.needs("redis-server"), pytest.mark.needs("cc")]


@pytest.fixture
def stepped(tmp_path) -> Iterator[SteppedRedis]:
    server = SteppedRedis(tmp_path / "redis")
    server.set_clock(0)
    with server:
        yield server


def test_whatever_the_clock_of_redis_does_outages_open_and_end_in_time_and_once(tmp_path, sandbox, page, stepped):
    route = {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]}
    times = {"publish_after": "1s", "resolve_after": "1s", "reopen_after": "60s", "hold_refire": "4s"}
    config = write_configuration(tmp_path / "bridge.yaml", routes=[route], defaults=times)
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=stepped.url) as bridge:
        opening, ending = Outage(bridge), Outage(bridge)
        ending.fires("checkout", region="begun before")
        eventually(lambda: page.incidents, "the first outage on the page")
        off_by_s = 0
        for begun, step_s in enumerate(STEPS_S, 2):
            opening.fires("checkout", region=f"during {step_s}")
            ending.ends()
            off_by_s += step_s
            stepped.set_clock(off_by_s)
            eventually(partial(only_the_newest_is_open, page, begun), f"{step_s} s to be survived", within=WITHIN_S)
            opening, ending = Outage(bridge), opening
        ending.ends()
        eventually(lambda: not open_ones(page), "the last one to end", within=WITHIN_S)
        assert page.opened == len(page.incidents) == 1 + len(STEPS_S)
        for incident in page.incidents:
            assert incident.statuses in (["INVESTIGATING", "RESOLVED"], ["INVESTIGATING", "MONITORING", "RESOLVED"])
            assert all(message.public_at <= message.posted_at + 1_000 for message in incident.messages)
        assert metric(bridge, "bridge_store_clock_steps_total", direction="forward") == 2
        eventually(lambda: metric(bridge, "bridge_store_clock_steps_total", direction="back") >= 1, "it to be counted")


def open_ones(page: Page) -> list[Published]:
    return [each for each in page.incidents if each.status != "RESOLVED"]


def only_the_newest_is_open(page: Page, begun: int) -> bool:
    return len(page.incidents) == begun and len(open_ones(page)) == 1
