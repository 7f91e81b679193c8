"""Checkly shows what was written a moment later: nobody is taken to have edited what the bridge itself has written.

And what somebody did close is looked at until it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.scenarios.impatient import Impatient
from tests.scenarios.vocabulary import Outage, Page, command, configuration, log_of, metric, write_configuration
from tests.servers import Bridge, Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAG_MS = 1_000
NAMES = ["Checkout", "Payments"]
ACCOUNT = {
    "name": "Shop",
    "services": NAMES,
    "pages": [
        {"name": "Shop", "url": "shop", "cards": [{"name": "Services", "services": NAMES}]},
        {"name": "Store", "url": "store", "components": NAMES},
    ],
}
V1 = {name.lower(): name for name in NAMES}
V3 = {name.lower(): {"page": "store", "component": name} for name in NAMES}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A shop with a page of each generation."""
    directory = tmp_path_factory.mktemp("sandbox")
    account = directory / "account.yaml"
    account.write_text(yaml.safe_dump(ACCOUNT))
    with Sandbox(directory, account=account) as server:
        yield server


@pytest.fixture(params=[V1, V3], ids=["v1", "v3"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    parts = configuration()
    return write_configuration(
        tmp_path / "bridge.yaml",
        services=request.param,
        checkly=parts["checkly"] | {"settle": "5s"},
        defaults=parts["defaults"] | {"resolve_after": "0s"},
    )


def by_hand(page: Page, incident: str, status: str) -> None:
    """A person posts an update."""
    page.sandbox.control("PATCH", f"incidents/{incident}", status=status, description=f"By hand: {status}.")


def test_what_fires_again_and_is_joined_within_the_lag_is_shown_and_ends(bridge: Bridge, outage: Outage, page: Page):
    page.sandbox.control("PATCH", "settings", read_lag_ms=LAG_MS, list_lag_ms=LAG_MS)
    outage.fires("checkout")
    page.shows(status="INVESTIGATING")
    outage.ends()
    page.shows(status="RESOLVED")
    outage.fires("checkout")
    again = page.shows(status="INVESTIGATING")
    outage.fires("payments", severity="critical")

    def joined() -> bool:
        incident = page.shows(id=again.id, status="INVESTIGATING")
        return incident.severity == "CRITICAL" or incident.impacts.get("Payments") == "MAJOR_OUTAGE"

    eventually(joined, "the worse one to show")
    outage.ends()
    over = page.shows(id=again.id, status="RESOLVED")
    assert over.statuses.count("RESOLVED") == 2
    assert page.opened == 1
    assert log_of(bridge, "closed_by_others") == []


def test_what_a_person_opened_again_is_counted_and_listed_until_it_ends(
    tmp_path: Path, page: Page, config: Path, redis_url: str
):
    with Impatient(tmp_path / "impatient", config=config, sandbox=page.sandbox, redis_url=redis_url) as bridge:
        outage = Outage(bridge)
        outage.fires("checkout")
        incident = page.shows(status="INVESTIGATING")
        by_hand(page, incident.id, "RESOLVED")
        outage.fires("payments")
        eventually(lambda: log_of(bridge, "closed_by_others"), "the bridge to notice")
        by_hand(page, incident.id, "IDENTIFIED")
        eventually(lambda: metric(bridge, "bridge_incidents_open_by_others") == 1, "the metric to tell")
        listed = command("incidents", "list", "--url", bridge.url, environment=bridge.environment())
        assert "open on the page by someone else's update" in listed.stdout
        outage.ends()
        by_hand(page, incident.id, "RESOLVED")
        eventually(lambda: metric(bridge, "bridge_incidents_open_by_others") == 0, "its end")
        assert page.shows(status="RESOLVED").messages[-1].text == "By hand: RESOLVED."
