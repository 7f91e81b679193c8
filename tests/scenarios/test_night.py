"""Five questions at night, asked of a running bridge: of one outage, and with thousands of alerts that flapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import Outage, Page, alert, command, iso, now_ms, payload, write_configuration
from tests.servers import Bridge, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FLAPPED, A_DELIVERY = 3_000, 500
ROUTES = [{"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]}]
TIMES = {"publish_after": "2s", "resolve_after": "60s", "reopen_after": "60s", "hold_refire": "0"}
MOST_LINES = {"list": 12, "show": 160, "history": 101, "why": 40, "unpublished": 12}
"""What a person reads of each answer, at most."""


class Person:
    """Asks a bridge by the command line."""

    def __init__(self, bridge: Bridge) -> None:
        self._environment = {"BRIDGE_URL": bridge.url, "ADMIN_TOKENS": bridge.admin_token}

    def asks(self, *words: str, most: str) -> str:
        """What the command prints, which is no longer than a person reads."""
        done = command(*words, environment=self._environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert len(done.stdout.splitlines()) <= MOST_LINES[most], done.stdout
        return done.stdout

    def finds(self, *words: str, most: str, said: Sequence[str]) -> str:
        """What the command prints once it says all of this."""

        def answer() -> str:
            printed = self.asks(*words, most=most)
            assert [each for each in said if each not in printed] == [], printed
            return printed

        return eventually(answer, f"{' '.join(words)} to say {said}", within=30)


def flap(bridge: Bridge, count: int) -> None:
    """So many alerts fire and are over at once: half of them of the outage's region, half of another."""
    for start in range(0, count, A_DELIVERY):
        fired = [
            alert(alertname=f"Flapped{nth}", region=("eu", "us")[nth % 2], severity="info")
            for nth in range(start, start + A_DELIVERY)
        ]
        over = [{**each, "status": "resolved", "endsAt": iso(now_ms())} for each in fired]
        for alerts in (fired, over):
            assert bridge.deliver(payload(*alerts)).status_code == 202


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Time to ask before anything is public, and a look each second."""
    return write_configuration(tmp_path / "bridge.yaml", routes=ROUTES, defaults=TIMES, people={"look_every": "1s"})


@pytest.mark.parametrize("flapped", [0, FLAPPED], ids=["one outage", "after a storm"])
def test_every_question_has_an_answer(
    flapped: int, start_bridge: Callable[..., Bridge], config: Path, page: Page
) -> None:
    receiving, asked = start_bridge(), start_bridge()
    person, outage = Person(asked), Outage(receiving)
    outage.fires(alertname="HighErrorRate", region="eu", severity="critical")
    flap(receiving, flapped)
    outage.fires(alertname="DiskFull", region="eu", service="chekout")
    (id_,) = (each["id"] for each in asked.incidents()["incidents"] if each["key"] == 'shop{region="eu"}')

    # What is on the page now? What happens next, when, and who is mailed?
    page.shows(status="INVESTIGATING")
    (row,) = (
        line
        for line in person.finds("incidents", "list", most="list", said=["INVESTIGATING", id_]).splitlines()
        if id_ in line
    )
    assert row.startswith("open  ")
    assert "nothing until its alerts change" in row

    # Why is it there?
    shown = person.asks("incidents", "show", id_, most="show")
    for words in (
        "next: nothing until its alerts change",
        "mails  nobody",
        f'route "shop" ({config}:',
        "severity CRITICAL: rule (",
        "service checkout: the value of label service",
        "firing  CRITICAL  HighErrorRate",
        "link         http://alertmanager:9093/#/alerts?filter=",
        "the page has taken the write",
    ):
        assert words in shown, shown

    # Why is it not there?
    said = ["✗ routed", 'service is "chekout"', 'Did you mean "checkout"?']
    person.finds("why", "DiskFull", most="why", said=said)
    person.finds("alerts", "list", "--not-published", most="unpublished", said=["DiskFull", 'service="chekout"'])
    person.finds("why", "HighErrorRate", most="why", said=["✓ written"])

    # Who did what?
    (public,) = page.incidents
    page.sandbox.control("PATCH", f"incidents/{public.id}", status="IDENTIFIED", description="A cable was cut.")
    told = person.finds("incidents", "history", id_, most="history", said=["person    someone else edited it"])
    assert "HighErrorRate" in told
    assert "write open, status INVESTIGATING, severity CRITICAL, code 201" in told

    # And when it is over: what happens next?
    outage.ends("checkout")
    shown = person.finds("incidents", "show", id_, most="show", said=["next: resolves in ", "unless something fires"])
    assert "mails  the subscribers of v1" in shown
    assert "The issue affecting Checkout has been resolved." in shown
