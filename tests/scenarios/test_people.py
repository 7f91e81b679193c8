"""Who posts an update on the page takes the incident over, where the configuration says so, and hands it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.scenarios.vocabulary import Outage, Page, command, log_of, metric, write_configuration
from tests.servers import Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import Bridge

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
TOKEN = "alice-secret"


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
    people = {"look_every": "1s", "on_update": "stop"}
    return write_configuration(tmp_path / "bridge.yaml", services=request.param, people=people)


@pytest.fixture
def bridge(start_bridge: Callable[..., Bridge]) -> Bridge:
    return start_bridge(environment={"OPERATOR_TOKENS": f"alice:{TOKEN}"})


def incident_of(bridge: Bridge) -> dict[str, Any]:
    (found,) = bridge.incidents()["incidents"]
    shown: dict[str, Any] = bridge.incident(found["id"])
    return shown


def test_what_somebody_lowered_is_not_put_back_when_a_service_joins_but_raised_when_it_gets_worse(
    bridge: Bridge, page: Page, config: Path
) -> None:
    is_v3 = "store" in config.read_text()
    outage = Outage(bridge)
    outage.fires("checkout", severity="warning")
    published = page.shows(status="INVESTIGATING")
    lowered: dict[str, Any] = {"impacts": {"Checkout": "OPERATIONAL"}} if is_v3 else {"severity": "MINOR"}
    page.sandbox.control("PATCH", f"incidents/{published.id}", name="By hand", **lowered)
    outage.fires("payments")
    names = ("Checkout", "Payments")
    if is_v3:
        page.shows(name="By hand", impacts={"Checkout": "OPERATIONAL", "Payments": "DEGRADED_PERFORMANCE"})
    else:
        page.shows(name="By hand", severity="MINOR", services=names)
    outage.fires("checkout", severity="critical")
    if is_v3:
        page.shows(name="By hand", impacts={"Checkout": "MAJOR_OUTAGE", "Payments": "DEGRADED_PERFORMANCE"})
    else:
        page.shows(name="By hand", severity="CRITICAL", services=names)
    outage.ends()
    page.shows(name="By hand", status="RESOLVED")


def test_who_posts_an_update_on_the_page_writes_alone_until_it_is_handed_back(bridge: Bridge, page: Page) -> None:
    outage = Outage(bridge)
    outage.fires("checkout")
    published = page.shows(status="INVESTIGATING")
    page.sandbox.control("PATCH", f"incidents/{published.id}", status="IDENTIFIED", description="A cable was cut.")
    eventually(lambda: incident_of(bridge)["actions"], "a look that sees it")
    (order,) = incident_of(bridge)["actions"]
    assert (order["verb"], order["by"]) == ("take-over", "person on the page")
    done = {"verb": "take-over", "outcome": "done"}
    eventually(lambda: metric(bridge, "bridge_actions_total", **done) == 1, "the action to be counted")
    eventually(lambda: metric(bridge, "bridge_incidents_taken_over", state="firing") == 1, "it to be counted")
    written = len(log_of(bridge, "page_written"))
    outage.fires("payments", severity="critical")
    eventually(lambda: incident_of(bridge)["page"] == "taken over", "the update that is kept back")
    outage.ends("checkout")
    outage.ends("payments")
    eventually(lambda: incident_of(bridge)["phase"] == "RESOLVED", "the end of its alerts")
    assert page.shows(status="IDENTIFIED").statuses == ["INVESTIGATING", "IDENTIFIED"]
    assert len(log_of(bridge, "page_written")) == written
    told = [(each["by"], each["detail"]["verb"]) for each in incident_of(bridge)["history"] if each["what"] == "action"]
    assert told == [("person", "take-over")]
    environment = {"OPERATOR_TOKENS": f"alice:{TOKEN}", "BRIDGE_URL": bridge.url, "ADMIN_TOKENS": "x"}
    asked = ("incidents", "hand-back", incident_of(bridge)["id"], "--reason", "done", "--output", "json")
    handed = command(*asked, environment=environment)
    assert handed.returncode == 0, handed.stderr
    assert json.loads(handed.stdout[handed.stdout.index("{") :])["actions"] == []
    page.shows(status="RESOLVED")
    eventually(lambda: incident_of(bridge)["page"] == "resolved", "its end")
