"""The bridge dies, or an answer is lost, at the worst moment: what stands on the page is found again, not repeated."""

from __future__ import annotations

import signal

import pytest

from tests.scenarios.vocabulary import INCIDENTS, UPDATES, Outage, log_of, logged, write_configuration
from tests.servers import eventually

GROUPED = [{"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]}]


def test_killed_between_checklys_commit_and_its_own_record(start_bridge, page, config):
    """Once for a create and once for an update; in one crash, because a dead worker's leases take a while to end."""
    write_configuration(config, routes=GROUPED)
    bridge = start_bridge()
    outage = Outage(bridge)
    outage.fires("checkout", region="eu")
    page.shows(status="INVESTIGATING")
    page.fault("hold", method="POST", path=UPDATES, commit=True)
    outage.ends()
    page.fault("hold", method="POST", path=INCIDENTS, commit=True)
    outage.fires("search", region="us")
    page.holds(2)

    bridge.kill()
    bridge.start()
    adopted = logged(bridge, "write_adopted", times=2)
    assert sorted(line["write"] for line in adopted) == ["open", "update"]

    outage.ends()

    def both_resolved() -> bool:
        return [incident.status for incident in page.incidents] == ["RESOLVED"] * 2

    eventually(both_resolved, "both incidents to be resolved")
    for incident in page.incidents:
        assert incident.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 2
    assert len(page.mails) == 4


@pytest.mark.parametrize("lost", [{"path": INCIDENTS}, {"path": UPDATES}, {"path": UPDATES, "skip": 1}])
@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "answer", "status": 502, "body": "html"}])
def test_an_answer_is_lost_after_checkly_has_acted(bridge, outage, page, lost, fault):
    page.fault(method="POST", commit=True, **fault, **lost)
    outage.fires()
    page.shows(status="INVESTIGATING")
    eventually(lambda: bridge.incidents()["incidents"][0]["posts"][0]["pending"] is None, "the open to be recorded")
    outage.ends()
    over = page.shows(status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    assert page.opened == 1
    assert len(page.mails) == 2
    logged(bridge, "write_adopted")


def test_a_call_that_never_arrived_is_made_again_once(bridge, outage, page):
    page.fault("drop", method="POST", path=INCIDENTS)
    outage.fires()
    page.shows(status="INVESTIGATING", statuses=["INVESTIGATING"])
    assert page.opened == 2
    assert len(page.mails) == 1
    assert not log_of(bridge, "write_adopted")


@pytest.mark.needs("valkey-server")
def test_with_its_own_valkey_it_goes_on_after_a_crash(start_bridge, page):
    bridge = start_bridge(redis_url=None)
    outage = Outage(bridge)
    outage.fires()
    opened = page.shows(status="INVESTIGATING")
    (before,) = eventually(lambda: [each for each in bridge.incidents()["incidents"] if each["posts"]], "the post")

    bridge.kill()
    bridge.start()
    (after,) = bridge.incidents()["incidents"]
    assert {"key": "shop", "firing": 1, "episode": 1}.items() <= after.items()
    assert (before["id"], before["firing_since"]) == (after["id"], after["firing_since"])

    outage.ends()
    page.shows(id=opened.id, status="RESOLVED")
    assert page.opened == 1


def test_sigterm_waits_for_checkly_only_so_long(bridge, outage, page):
    page.fault("hold", method="POST", path=INCIDENTS, commit=True)
    outage.fires()
    page.holds()
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(within=15) == 0  # 10 seconds are promised; the rest is for a slow machine
    assert log_of(bridge)[-1]["event"] == "stopped"
    page.shows(status="INVESTIGATING")
