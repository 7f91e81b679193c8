"""A sender that invents labels fills neither Redis nor the page, and keeps nobody's outage from either."""

from __future__ import annotations

from tests.scenarios.vocabulary import alert, iso, logged, metric, now_ms, payload, write_configuration
from tests.servers import eventually

ALERTS = 20


def test_what_is_new_beyond_the_limit_is_refused_and_whatever_is_known_ends_on_the_page(start_bridge, config, page):
    write_configuration(config, limits={"alerts": ALERTS})
    bridge = start_bridge()
    known = [alert(instance=str(number), severity="critical") for number in range(ALERTS)]
    assert bridge.deliver(payload(*known)).status_code == 202
    page.shows(status="INVESTIGATING", services=("Checkout",))

    invented = [alert(instance=f"invented-{number}", severity="critical") for number in range(1_000)]
    answer = bridge.deliver(payload(*known, *invented))
    assert (answer.status_code, answer.json()["error"]) == (503, "over_limit")
    assert "1000 of 1020 alerts" in answer.json()["message"]
    (line,) = logged(bridge, "alerts_over_limit")
    assert (line["count"], line["limit"]) == (1_000, "limits.alerts")
    eventually(lambda: metric(bridge, "bridge_alerts_stored") == ALERTS, "the gauge")

    over = {"status": "resolved", "endsAt": iso(now_ms())}
    assert bridge.deliver(payload(*(each | over for each in known))).status_code == 202
    page.shows(status="RESOLVED")
    assert bridge.deliver(payload(*invented[:5])).status_code == 202


def test_twenty_thousand_ends_of_what_never_was_do_not_delay_an_outage(start_bridge, config, page):
    write_configuration(config, defaults={"publish_after": "0", "group_by": ["region"]})
    bridge = start_bridge()
    over = {"status": "resolved", "endsAt": iso(now_ms())}
    strays = [alert(instance=str(number), region=f"nowhere-{number}") | over for number in range(20_000)]
    assert bridge.deliver(payload(*strays)).status_code == 202
    assert bridge.deliver(payload(alert(instance="real", severity="critical"))).status_code == 202
    page.shows(status="INVESTIGATING", services=("Checkout",))
