"""What the how-to on working by hand shows is what the commands answer, Checkly's own and the bridge's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.impatient import Impatient
from tests.scenarios.transcript import Transcript
from tests.scenarios.vocabulary import Outage, Page, write_configuration
from tests.servers import ChecklyCli, Sandbox, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Bridge

pytestmark = pytest.mark.needs("checkly")

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs" / "how-to" / "by-hand.md").read_text()
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
def typing(tmp_path: Path, page: Page, bridge: Bridge) -> Callable[[str], Transcript]:
    """Types what is under a heading."""
    cli = ChecklyCli(tmp_path / "person", page.sandbox).environment
    tools = [Path(programs.require("checkly")).parent, Path(sys.executable).parent]
    path = ":".join([*map(str, tools), cli["PATH"]])
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "BRIDGE_URL": bridge.url, "ADMIN_TOKENS": bridge.admin_token}
    return lambda heading: Transcript(HOW_TO, heading, {**cli, **own})


def test_an_update(typing: Callable[[str], Transcript], outage: Outage, page: Page):
    outage.fires("checkout")
    page.shows(status="INVESTIGATING")
    typed = typing("Post an update")
    typed.goes_on(4)
    outage.fires("payments")
    page.shows(status="IDENTIFIED", severity="MAJOR", services=("Checkout", "Payments"))
    typed.goes_on()
    assert typed.is_over
    outage.ends()
    page.shows(status="RESOLVED")


def test_a_resolve(typing: Callable[[str], Transcript], outage: Outage, page: Page):
    outage.fires("checkout")
    page.shows(status="INVESTIGATING")
    typed = typing("Resolve an incident of the bridge's")
    typed.goes_on(3)
    assert typed.is_over
    page.shows(status="RESOLVED")


def test_an_incident_of_one_s_own(typing: Callable[[str], Transcript], outage: Outage):
    typed = typing("Open an incident of your own")
    typed.goes_on(3)
    outage.fires("checkout")
    typed.goes_on(3)
    assert typed.is_over
