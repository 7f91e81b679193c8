"""A page that refuses the true dates: what happens is told all the same, once, and the bridge says what is not true."""

from __future__ import annotations

import pytest

from tests.scenarios.vocabulary import INCIDENTS, command, logged
from tests.servers import eventually


@pytest.fixture
def strict_page(page):
    """It takes no date earlier than its incident."""
    page.sandbox.control("PATCH", "settings", early_date=422)
    return page


def why(bridge):
    (incident,) = bridge.incidents()["incidents"]
    shown = command("incidents", "show", incident["id"], "--url", bridge.url, environment=bridge.environment())
    assert shown.returncode == 0
    return shown.stdout


def test_an_opening_whose_date_is_refused_is_on_the_page_at_once(bridge, outage, strict_page):
    outage.fires()
    opened = strict_page.shows(status="INVESTIGATING", services=("Checkout",))
    (refused,) = logged(bridge, "date_rejected")
    assert (refused["write"], "created_at" in refused["reason"]) == ("open", True)
    eventually(lambda: "the published start is not the true one" in why(bridge), "the bridge to say so")
    outage.ends()
    over = strict_page.shows(id=opened.id, status="RESOLVED")
    dates = [message.public_at for message in over.messages]
    assert dates == sorted(dates)
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert len(strict_page.mails) == 2
    assert "parked" not in why(bridge)


def test_a_lost_answer_to_a_write_without_its_date_doubles_nothing(bridge, outage, strict_page):
    strict_page.fault("drop", method="POST", path=INCIDENTS, skip=1, commit=True)
    outage.fires()
    opened = strict_page.shows(status="INVESTIGATING")
    logged(bridge, "write_adopted")
    outage.ends()
    over = strict_page.shows(id=opened.id, status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert len(strict_page.mails) == 2
