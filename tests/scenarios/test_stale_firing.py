"""A firing after its own resolve, with the start unchanged: a late copy, or a genuine one; nobody can tell at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios.vocabulary import metric, write_configuration
from tests.servers import eventually

CAPTURE = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "seq-ha-stale-firing-after-resolved.json"


@pytest.fixture
def config(tmp_path):
    """A configuration that publishes the captured alert."""
    return write_configuration(tmp_path / "bridge.yaml", routes=[{"name": "all", "services": ["checkout"]}])


@pytest.fixture
def replay(bridge, page):
    """Delivers the capture up to the second firing, which follows the resolve; returns the last resolve."""
    firing, resolved, firing_again, resolved_again = (
        json.dumps(delivery["body"]).encode() for delivery in json.loads(CAPTURE.read_bytes())["deliveries"]
    )
    assert bridge.deliver(firing).status_code == 202
    page.shows(status="INVESTIGATING", severity="CRITICAL")
    assert bridge.deliver(resolved).status_code == 202
    page.shows(status="MONITORING")
    assert bridge.deliver(firing_again).status_code == 202
    eventually(lambda: metric(bridge, "bridge_alerts_total", outcome="held") == 1, "the doubtful firing to be held")
    return resolved_again


def test_a_late_copy_from_a_second_alertmanager_changes_nothing(bridge, page, replay):
    assert bridge.deliver(replay).status_code == 202
    over = page.shows(status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 1


@pytest.mark.usefixtures("replay")
def test_a_genuine_new_firing_opens_the_same_incident_again(page):
    again = page.shows(status="INVESTIGATING")
    assert again.statuses == ["INVESTIGATING", "MONITORING", "INVESTIGATING"]
    assert page.opened == 1
