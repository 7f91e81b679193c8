"""The audit's view of what the previous release has put away: it keeps the episodes, and no list of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx

from tests.scenarios.vocabulary import Outage, Page, write_configuration
from tests.servers import Bridge, Sandbox, eventually
from tests.upgrade.previous import PreviousBridge

if TYPE_CHECKING:
    from pathlib import Path

TIMES = {"publish_after": "0", "resolve_after": "1s", "reopen_after": "0", "hold_refire": "0"}


def episodes(bridge: Bridge) -> dict[str, str]:
    """The phase of each outage, by its number."""
    headers = {"Authorization": f"Bearer {bridge.admin_token}"}
    rows = httpx.get(f"{bridge.url}/api/history", headers=headers).raise_for_status().json()
    ended = httpx.get(f"{bridge.url}/api/history?after={rows['after']}", headers=headers).raise_for_status().json()
    return {row["id"].rpartition(".")[2]: row["phase"] for row in [*ended["episodes"], *rows["episodes"]]}


def opened(page: Page, count: int) -> bool:
    """Whether so many incidents were opened."""
    return page.opened == count


def test_outages_that_either_release_has_put_away_are_told(tmp_path: Path, redis_url: str) -> None:
    before_flapping = write_configuration(tmp_path / "before.yaml", defaults=TIMES)
    now = write_configuration(tmp_path / "bridge.yaml", defaults={**TIMES, "flap": "off"})
    with Sandbox(tmp_path / "sandbox", services=["Checkout", "Payments", "Search"]) as sandbox:
        page = Page(sandbox)
        for number, release in enumerate((PreviousBridge, Bridge, PreviousBridge, Bridge), start=1):
            config = now if release is Bridge else before_flapping
            with release(tmp_path / str(number), config=config, sandbox=sandbox, redis_url=redis_url) as bridge:
                outage = Outage(bridge)
                outage.fires()
                eventually(partial(opened, page, number), "an outage on the page")
                if release is Bridge:
                    before = dict.fromkeys(map(str, range(1, number)), "RESOLVED")
                    assert episodes(bridge) == {**before, str(number): "INVESTIGATING"}
                outage.ends()
                eventually(lambda: {each.status for each in page.incidents} == {"RESOLVED"}, "its end")
