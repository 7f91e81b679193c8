"""A field that is not needed never changes what becomes of a delivery, whatever nonsense stands there."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.loader import load
from bridge.core.routing import Router, labels_read
from bridge.senders import alertmanager
from bridge.senders.pagerduty import parser as pagerduty
from tests.unit.senders.pagerduty.fixtures import fixture

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.model import Alert
    from bridge.senders.delivery import Delivery

NOW = 1_796_031_035_000
CONFIG = """\
version: 1
services: {checkout: Checkout}
routes:
  - {name: all, match: 'alertname = A', services: [checkout]}
  - {name: pager, match: 'service != ""', services: [checkout]}
"""
Path = tuple[str | int, ...]

ALERTMANAGER: dict[str, Any] = {
    "version": "4",
    "receiver": "web",
    "status": "firing",
    "truncatedAlerts": 0,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "A", "team": "web"},
            "annotations": {"summary": "x"},
            "startsAt": "2026-11-30T09:00:00Z",
            "endsAt": "2026-11-30T10:00:00Z",
            "generatorURL": "http://x",
            "fingerprint": "ab",
        }
    ],
}
# Each with what may stand there instead; a text decides where it is read as one.
ENVELOPE: list[Path] = [
    ("receiver",),
    ("status",),
    ("truncatedAlerts",),
    *((name,) for name in ("groupKey", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "unknown")),
]
ALERT: list[Path] = [
    ("alerts", 0, name) for name in ("startsAt", "endsAt", "annotations", "generatorURL", "unknown")
] + [("alerts", 0, "labels", "team")]
DECIDES_AS_TEXT: list[Path] = [("version",), ("alerts", 0, "status"), ("alerts", 0, "fingerprint")]
PAGERDUTY: list[Path] = [
    ("event", "id"),
    ("event", "agent"),
    ("event", "client"),
    ("event", "resource_type"),
    ("event", "unknown"),
    *(
        ("event", "data", name)
        for name in ("created_at", "reopened_at", "title", "teams", "urgency", "priority", "escalation_policy")
    ),
    *(("event", "data", name) for name in ("incident_type", "number", "html_url", "assignees", "incident_key", "self")),
    ("event", "data", "service", "id"),
]

NO_TEXTS = st.sampled_from(
    [
        None,
        0,
        -1,
        1796031035,
        1.5,
        True,
        False,
        [],
        {},
        ["x"],
        {"x": {"y": [None]}},
        ["x"] * 1000,
        "@endless@",
        "@1e999@",
    ]
)
TEXTS = st.sampled_from(
    ["", " ", "x", "x" * 100_000, "1796031035", "2026-01-02T15:04:05", "2026-01-02 15:04:05 +0000 UTC", "\ud83d"]
) | st.text(max_size=5)
HALVES = st.sampled_from(["@half@", "a@half@b", {"@half@": 1}, ["@half@"]])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "bridge.yaml"
    path.write_text(CONFIG)
    return load(path)


def replaced(body: Any, path: Path, *value: Any) -> bytes:
    """The body, as sent, with this value at a path, or with none."""
    body = copy.deepcopy(body)
    target = body
    for key in path[:-1]:
        target = target[key]
    target.pop(path[-1], None)
    if value:
        target[path[-1]] = value[0]
    sent = json.dumps(body).encode().replace(b"@half@", rb"\ud83d")
    return sent.replace(b'"@1e999@"', b"1e999").replace(b'"@endless@"', b"9" * 5000)


def seen(delivery: Delivery, config: Config) -> Any:
    """What the page is a function of; an alert is only told from others by its identity."""

    def fate(alert: Alert) -> Any:
        return alert.fingerprint, alert.status, alert.starts_at, alert.ends_at, Router().route(alert.labels, config)

    assert len(delivery.alerts) + len(delivery.unusable) == 1
    return [fate(alert) for alert in delivery.alerts], [each.path for each in delivery.unusable]


def alertmanager_sees(body: bytes, config: Config) -> Any:
    return seen(alertmanager.parse(body, NOW, lambda: labels_read(config)), config)


def pagerduty_sees(body: bytes, config: Config) -> Any:
    return seen(pagerduty.parse(body, config.pagerduty, labels_read(config)), config)


@given(
    path=st.sampled_from(ENVELOPE + ALERT),
    value=NO_TEXTS | TEXTS | HALVES,
    status=st.sampled_from(["firing", "resolved"]),
)
def test_alertmanager_as_if_the_field_were_missing(config, path, value, status):
    body = copy.deepcopy(ALERTMANAGER)
    body["alerts"][0]["status"] = status
    assert alertmanager_sees(replaced(body, path, value), config) == alertmanager_sees(replaced(body, path), config)


@given(path=st.sampled_from(DECIDES_AS_TEXT), value=NO_TEXTS | HALVES)
def test_alertmanager_as_if_a_field_that_is_no_text_were_missing(config, path, value):
    if path == ("version",) and isinstance(value, int | float) and not isinstance(value, bool):
        return  # a number is a version, too
    if path[-1] == "status" and isinstance(value, str) and "half" in value:
        return  # some other status than the two
    body = ALERTMANAGER
    assert alertmanager_sees(replaced(body, path, value), config) == alertmanager_sees(replaced(body, path), config)


@given(
    path=st.sampled_from(PAGERDUTY),
    value=NO_TEXTS | TEXTS | HALVES,
    name=st.sampled_from(
        ["incident-triggered", "incident-acknowledged", "incident-reopened", "incident-resolved-by-person"]
    ),
)
def test_pagerduty_as_if_the_field_were_missing(config, path, value, name):
    body = fixture(name)
    assert pagerduty_sees(replaced(body, path, value), config) == pagerduty_sees(replaced(body, path), config)


@given(value=NO_TEXTS | HALVES)
def test_an_event_whose_id_cannot_be_read_is_nobodys_repeat(config, value):
    sent = replaced(fixture("incident-resolved-by-person"), ("event", "id"), value)
    delivery = pagerduty.parse(sent, config.pagerduty, labels_read(config))
    assert [alert.event_id for alert in delivery.alerts] == [None]
    is_half = isinstance(value, str) and "half" in value
    assert ("id" in delivery.unread) == (is_half or value is not None)
