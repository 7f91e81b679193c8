"""How late readers see an outage's start and end, as metrics and the API tell it."""

from __future__ import annotations

import json
import re

from tests.scenarios.vocabulary import INCIDENTS, command, metric
from tests.servers import eventually


def test_one_outage_is_one_opening_and_one_end_though_an_answer_was_lost(bridge, outage, page):
    page.fault("drop", method="POST", path=INCIDENTS, commit=True)
    outage.fires()
    opened = page.shows(status="INVESTIGATING")
    outage.repeats()
    outage.fires("payments", severity="critical")
    eventually(lambda: metric(bridge, "bridge_publish_delay_seconds_count", generation="v1") == 1, "the opening")
    page.shows(services=("Checkout", "Payments"))
    outage.ends()
    ended = page.shows(status="RESOLVED")
    eventually(lambda: metric(bridge, "bridge_resolve_delay_seconds_count", generation="v1") == 1, "the end")
    assert metric(bridge, "bridge_publish_delay_seconds_count") == 1
    (incident,) = bridge.incidents()["incidents"]
    assert 0 <= incident["publish_delay_seconds"] < 2
    assert 2 <= incident["resolve_delay_seconds"] < 10, "resolve_after is part of it"
    assert incident["public_at"] <= incident["public_end_at"]
    assert incident["mails"] == len(page.mails) == 2
    assert opened.id == ended.id
    listed = command(
        "incidents", "list", "--all", "--url", bridge.url, environment={"ADMIN_TOKENS": bridge.admin_token}
    )
    assert listed.returncode == 0
    said = listed.stdout.splitlines()[-1]
    figure = r"median \d+s, 95th percentile \d+s \(1\)"
    assert re.fullmatch(f"Of those shown, from start to public: {figure}; from end to resolved: {figure}", said)
    form = ("--all", "-o", "json", "--url", bridge.url)
    as_json = command("incidents", "list", *form, environment={"ADMIN_TOKENS": bridge.admin_token})
    assert [each["id"] for each in json.loads(as_json.stdout)] == [incident["id"]]
