"""What the how-to on working by hand shows is what the commands answer, Checkly's own and the bridge's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.impatient import Impatient
from tests.scenarios.vocabulary import Outage, Page, write_configuration
from tests.servers import ChecklyCli, Sandbox, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.scenarios.transcript import Transcript
    from tests.servers import Bridge

pytestmark = pytest.mark.needs("checkly")

HOW_TO = "how-to/by-hand.md"
ACCOUNT = """
name: Acme
services: [Checkout, Payments]
pages:
  - {name: Acme Status, url: acme, cards: [{name: Shop, services: [Checkout, Payments]}]}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The account of the tutorial."""
    directory = tmp_path_factory.mktemp("sandbox")
    (directory / "account.yaml").write_text(ACCOUNT)
    with Sandbox(directory, account=directory / "account.yaml") as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """As of the tutorial, but for a look each second instead of each minute."""
    services = {"checkout": "Checkout", "payments": "Payments"}
    return write_configuration(tmp_path / "bridge.yaml", services=services, people={"look_every": "1s"})


@pytest.fixture
def bridge(tmp_path: Path, page: Page, config: Path, redis_url: str) -> Iterator[Bridge]:
    with Impatient(tmp_path / "impatient", config=config, sandbox=page.sandbox, redis_url=redis_url) as bridge:
        yield bridge


@pytest.fixture
def typed(tmp_path: Path, page: Page, bridge: Bridge, transcript: Callable[..., Transcript]) -> Transcript:
    """Types what is under a heading."""
    cli = ChecklyCli(tmp_path / "person", page.sandbox).environment
    tools = [Path(programs.require("checkly")).parent, Path(sys.executable).parent]
    path = ":".join([*map(str, tools), cli["PATH"]])
    return transcript({**cli, "PATH": path, "BRIDGE_URL": bridge.url, "ADMIN_TOKENS": bridge.admin_token})


@pytest.mark.types(HOW_TO, "Post an update")
def test_an_update(typed: Transcript, outage: Outage, page: Page):
    outage.fires("checkout")
    page.shows(status="INVESTIGATING")
    typed.goes_on(4)
    outage.fires("payments")
    page.shows(status="IDENTIFIED", severity="MAJOR", services=("Checkout", "Payments"))
    typed.goes_on()
    outage.ends()
    page.shows(status="RESOLVED")


@pytest.mark.types(HOW_TO, "Resolve an incident of the bridge's")
def test_a_resolve(typed: Transcript, outage: Outage, page: Page):
    outage.fires("checkout")
    page.shows(status="INVESTIGATING")
    typed.goes_on(3)
    page.shows(status="RESOLVED")


@pytest.mark.types(HOW_TO, "Open an incident of your own")
def test_an_incident_of_one_s_own(typed: Transcript, outage: Outage):
    typed.goes_on(3)
    outage.fires("checkout")
    typed.goes_on(3)
