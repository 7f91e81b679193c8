"""A person asks why an alert is not on the page, and asks a replica that never saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.vocabulary import alert, command, logged, payload, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.servers import Bridge

ROUTES = [
    {"name": "tests", "match": "env = test", "ignore": True},
    {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "publish_after": "1h"},
]


@pytest.fixture
def replicas(start_bridge, config):
    """The one that alerts are delivered to, and the one that is asked."""
    write_configuration(config, routes=ROUTES)
    return start_bridge(), start_bridge()


def bridge(asked: Bridge, *arguments: str) -> str:
    """What the command prints that asks this bridge."""
    environment = {"BRIDGE_URL": asked.url, "ADMIN_TOKENS": asked.admin_token}
    result = command(*arguments, environment=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def stations(printed: str) -> dict[str, str]:
    """The mark of each station of the first way."""
    lines = [line.split(maxsplit=1) for line in printed.splitlines() if line[:2] == "  " and line[2] in "✓✗·"]
    names = ("delivered", "understood", "routed", "old enough", "allowed", "written")
    return {name: line[0] for name, line in zip(names, lines, strict=False) if line[1].startswith(name)}


@pytest.mark.parametrize(
    ("labels", "reason", "said"),
    [
        (
            {"alertname": "DiskFull", "service": "chekout"},
            "unknown_service",
            (
                'service is "chekout", which names no entry of services',
                'Did you mean "checkout"?',
                'route "shop"',
            ),
        ),
        (
            {"alertname": "QueueLong", "team": "shopp"},
            "unmatched",
            ("no route of ", 'team is "shopp"', 'Did you mean "shop"?'),
        ),
        ({"alertname": "Trial", "env": "test"}, "ignored", ('route "tests"', "says ignore: true")),
    ],
)
def test_what_was_not_published_is_explained_by_another_replica(replicas, labels, reason, said):
    receiving, asked = replicas
    sent = alert(**labels)
    assert receiving.deliver(payload(sent)).json()["delivery"]["ignored"] == 1
    (line,) = logged(receiving, "alert_not_published")
    assert (line["reason"], line["fingerprint"]) == (reason, sent["fingerprint"])
    listed = _listed(asked, labels["alertname"])
    assert reason in listed
    for words in (
        [labels["alertname"]],
        [sent["fingerprint"]],
        [f"{name}={value}" for name, value in sent["labels"].items()],
    ):
        printed = bridge(asked, "why", *words)
        assert stations(printed) == {
            "delivered": "✓",
            "understood": "✓",
            "routed": "✗",
            "old enough": "·",
            "allowed": "·",
            "written": "·",
        }, printed
        assert [each for each in said if each not in printed] == [], printed
        assert "  → " in printed


def test_an_alert_that_counts_is_found_by_name_fingerprint_id_and_labels(replicas, page):
    receiving, asked = replicas
    sent = alert(alertname='Slow "checkout"')
    assert receiving.deliver(payload(sent)).json()["delivery"]["changed"] == 1
    incident = logged(receiving, "alert_changed")[0]["incident_id"]
    labels = [f"{name}={value}" for name, value in sent["labels"].items()]
    partial = [label for label in labels if not label.startswith("severity")]
    for words in (['Slow "checkout"'], [sent["fingerprint"]], [incident], labels, partial):
        printed = bridge(asked, "why", *words)
        marks = stations(printed)
        assert list(marks.values()) == ["✓", "✓", "✓", "✗", "·", "·"], printed
        assert "not yet: it is published in " in printed
        assert incident in printed
    assert f"By these labels, an alert counts for incident {incident}." in printed
    assert page.opened == 0


def test_what_was_never_delivered_is_said_with_where_it_would_go(replicas):
    receiving, asked = replicas
    receiving.deliver(payload(alert(alertname="DiskFull", service="other")))
    _listed(asked, "DiskFull")
    printed = bridge(asked, "why", "DiscFull")
    assert list(stations(printed).values()) == ["✗", "·", "·", "·", "·", "·"], printed
    assert 'Did you mean "DiskFull"?' in printed
    printed = bridge(asked, "why", '{alertname="Never", team="shop", service="checkout"}')
    assert list(stations(printed).values()) == ["✗", "·", "✓", "·", "·", "·"], printed
    assert "it would count for incident " in printed


def test_a_published_alert_has_passed_every_station(start_bridge, config, page):
    write_configuration(config)
    receiving, asked = start_bridge(), start_bridge()
    receiving.deliver(payload(alert()))
    shown = page.shows(status="INVESTIGATING")

    def everything() -> bool:
        return list(stations(bridge(asked, "why", "ErrorsHigh")).values()) == ["✓"] * 6

    eventually(everything, "six ticks")
    assert f"v1: INVESTIGATING ({shown.id})" in bridge(asked, "why", "ErrorsHigh")


def _listed(asked: Bridge, name: str) -> str:
    def found() -> str:
        printed = bridge(asked, "alerts", "list", "--not-published")
        return printed if name in printed else ""

    return eventually(found, f"{name} in the list")
