from __future__ import annotations

import hashlib
import re
import tracemalloc
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.loader import load
from bridge.core import routing
from bridge.core.routing import Router, incident_id, incident_key, labels_read, route
from bridge.model import Ignored, Routed, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.config.schema import Config

CONFIG = """\
version: 1
services:
  checkout: Checkout
  payments: Payments
severity:
  - {match: severity = critical, is: CRITICAL}
  - {match: severity = warning, is: MEDIUM}
  - {is: MINOR}
public_labels: [region, dc]
defaults: {hold_refire: 6m}
routes:
  - name: not-production
    match: env =~ "dev|test"
    ignore: true
  - {name: alive, match: alertname = Watchdog, watchdog: true}
  - name: checkout
    match: [service = checkout, 'severity =~ "critical|warning"']
    services: [checkout, payments]
    group_by: [region, city]
    hold_refire: 1m
  - name: own-severity
    match: service = payments
    services: [payments]
    severity: [{is: MAJOR}]
  - name: labelled
    match: 'status_page != ""'
    services: {label: status_page}
"""


def config_of(directory: Path, text: str = CONFIG) -> Config:
    path = directory / "bridge.yaml"
    path.write_text(text)
    return load(path)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return config_of(tmp_path_factory.mktemp("config"))


def test_an_alert_is_routed_with_its_reasons(config):
    labels = {"service": "checkout", "severity": "warning", "region": "eu-west-1", "dc": "fra", "city": "", "pod": "x"}
    key = 'checkout{city="",region="eu-west-1"}'
    assert route(labels, config) == Routed(
        key=key,
        id=incident_id(key),
        route="checkout",
        group={"city": "", "region": "eu-west-1"},
        severity=Severity.MEDIUM,
        services=("checkout", "payments"),
        labels={"dc": "fra", "region": "eu-west-1"},
        hold_refire_ms=60_000,
        why=(
            f'route "checkout" ({config.path}:16) matches service="checkout", severity=~"critical|warning"',
            f'severity MEDIUM: rule ({config.path}:7) matches severity="warning"',
            "services checkout, payments: named by the route",
            f"incident {key}: one for each city, region",
        ),
    )


def test_a_route_may_judge_severity_itself_and_be_one_incident(config):
    routed = route({"service": "payments", "severity": "critical"}, config)
    assert isinstance(routed, Routed)
    assert (routed.key, routed.severity, routed.hold_refire_ms) == ("own-severity", Severity.MAJOR, 360_000)
    assert routed.why[1:] == (
        f"severity MAJOR: rule ({config.path}:24) matches every alert",
        "services payments: named by the route",
        "incident own-severity: one for the whole route",
    )


def test_a_label_may_name_the_service(config):
    routed = route({"status_page": "payments"}, config)
    assert isinstance(routed, Routed)
    assert routed.services == ("payments",)
    assert routed.why[2] == "service payments: the value of label status_page"


@pytest.mark.parametrize(
    ("labels", "reason", "why"),
    [
        ({"env": "dev", "service": "checkout", "severity": "critical"}, "route", "the route has ignore: true"),
        ({"alertname": "Watchdog"}, "watchdog", "the route is a watchdog's"),
        ({"service": "checkout"}, "unmatched", "no route of "),
        ({}, "unmatched", "no route of "),
        (
            {"status_page": "unheard of"},
            "service",
            'label status_page is "unheard of", which names no entry of services',
        ),
    ],
)
def test_what_is_not_published_says_why(config, labels, reason, why):
    ignored = route(labels, config)
    assert isinstance(ignored, Ignored)
    assert (ignored.reason, ignored.watchdog) == (reason, "alive" if reason == "watchdog" else None)
    assert any(why in each for each in ignored.why)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"env": "dev"}, ("not-production", "", "")),
        ({"status_page": "chekout"}, ("labelled", "status_page", "chekout")),
        ({"status_page": "x" * 500}, ("labelled", "status_page", "x" * 127 + "…")),
        ({"service": "checkout"}, ("", "severity", "")),
        ({"service": "search", "severity": "critical"}, ("", "service", "search")),
    ],
)
def test_what_is_not_published_names_what_decided(config, labels, expected):
    ignored = route(labels, config)
    assert isinstance(ignored, Ignored)
    assert (ignored.route, ignored.label, ignored.value) == expected


def test_what_no_route_matches_says_which_comes_closest(config):
    ignored = route({"service": "search", "severity": "critical"}, config)
    assert ignored.why[1].startswith('closest is route "')
    assert ignored.why[1].endswith(': label service is "search"')


def test_the_first_match_decides(config):
    routed = route({"service": "payments", "status_page": "checkout"}, config)
    assert isinstance(routed, Routed)
    assert routed.route == "own-severity"


def test_the_order_of_group_by_does_not_matter(tmp_path, config):
    swapped = config_of(tmp_path, CONFIG.replace("group_by: [region, city]", "group_by: [city, region]"))
    labels = {"service": "checkout", "severity": "critical", "region": "eu", "city": "Bonn"}
    one, other = route(labels, config), route(labels, swapped)
    assert isinstance(one, Routed)
    assert isinstance(other, Routed)
    assert (one.key, one.id) == (other.key, other.id)


NAMES = st.text(min_size=1) | st.sampled_from(["a", "b", 'a="",b'])
GROUPS = st.dictionaries(NAMES, st.text() | st.sampled_from(['"', '",b="', "\\", '\\"']), max_size=3)


@given(GROUPS, GROUPS)
def test_different_groups_never_share_a_key(one, other):
    one, other = dict(sorted(one.items())), dict(sorted(other.items()))
    assert (incident_key("r", one) == incident_key("r", other)) == (one == other)


def test_a_key_reads_like_a_label_set():
    assert (
        incident_key("checkout", {"region": 'eu "west"', "dc.x": "1"}) == 'checkout{region="eu \\"west\\"","dc.x"="1"}'
    )


@given(st.text(), st.text(st.characters(codec="ascii"), max_size=64))
def test_an_id_is_short_unambiguous_and_stable(key, instance):
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{10}", incident_id(key, instance))
    assert incident_id(key, instance) == incident_id(key, instance)


def test_ids_are_stable_across_releases():
    assert incident_id('checkout{region="eu"}') == "0JH0JQZKSA"
    assert incident_id('checkout{region="eu"}', "shop-eu") == "8C6NRBJ1SB"


def test_installations_with_the_same_routes_differ_in_their_ids_alone(tmp_path):
    labels = {"service": "payments"}
    routed = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        found = route(labels, config_of(directory, f"{CONFIG}checkly: {{instance: {name}}}\n"))
        assert isinstance(found, Routed)
        routed.append((found.key, found.id))
    (key, one), (same, two) = routed
    assert key == same
    assert len({one, two, incident_id(key)}) == 3
    assert one == incident_id(key, "one")


LABELS = st.fixed_dictionaries(
    {},
    optional={
        "service": st.sampled_from(["checkout", "payments", ""]),
        "severity": st.sampled_from(["critical", "warning", "info", ""]),
        "env": st.sampled_from(["prod", "dev", ""]),
        "region": st.sampled_from(["eu", "us", ""]),
        "city": st.sampled_from(["Bonn", ""]),
        "dc": st.sampled_from(["fra", ""]),
        "status_page": st.sampled_from(["checkout", "nothing", ""]),
        "pod": st.text(),
    },
)


@given(st.lists(LABELS, max_size=5))
def test_the_router_answers_like_the_function(config, label_sets):
    router = Router()
    for labels in [*label_sets, *label_sets]:
        assert router.route(labels, config) == route(labels, config)


def test_the_router_routes_once_what_the_configuration_cannot_tell_apart(config, monkeypatch):
    asked = []

    def counted(labels, config):
        asked.append(labels)
        return route(labels, config)

    monkeypatch.setattr(routing, "route", counted)
    router = Router()
    for number in range(100):
        router.route({"service": "checkout", "severity": "critical", "pod": str(number)}, config)
    router.route({"service": "checkout", "severity": "critical", "region": ""}, config)
    assert len(asked) == 1
    router.route({"service": "checkout", "severity": "critical", "region": "eu"}, config)
    assert len(asked) == 2


@pytest.mark.parametrize("value", ["x" * 513, "é" * 257, "😀" * 129, "x" * (4 << 20)])
def test_a_value_that_is_too_long_for_a_key_stands_in_it_as_its_hash_and_the_id_is_that_of_the_whole(config, value):
    labels = {"service": "checkout", "severity": "warning", "city": "", "region": value}
    routed = route(labels, config)
    assert isinstance(routed, Routed)
    digest = f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    assert routed.group == {"city": "", "region": digest}
    assert routed.key == f'checkout{{city="",region="{digest}"}}'
    assert routed.id == incident_id(incident_key("checkout", {"city": "", "region": value}))
    assert len(msgspec.json.encode(routed)) < 2_000


@pytest.mark.parametrize("value", ["x" * 512, "é" * 256, "😀" * 128])
def test_a_value_that_fits_stands_in_its_key_as_it_is(config, value):
    labels = {"service": "checkout", "severity": "warning", "region": value}
    routed = route(labels, config)
    assert isinstance(routed, Routed)
    assert routed.group["region"] == value


def test_a_long_value_that_names_no_service_is_shown_in_part(config):
    ignored = route({"status_page": "x" * (8 << 20)}, config)
    assert isinstance(ignored, Ignored)
    assert ignored.reason == "service"
    assert len(" ".join(ignored.why)) < 1_000


def test_the_router_keeps_no_large_label_sets(config):
    router = Router()
    labels = {"service": "checkout", "severity": "warning"}
    router.route(labels, config)
    tracemalloc.start()
    try:
        for n in range(20):
            assert router.route(labels | {"region": f"{n}" * (1 << 20)}, config) == route(
                labels | {"region": f"{n}" * (1 << 20)}, config
            )
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1 << 20


def test_the_router_forgets_a_replaced_configuration(tmp_path, config):
    router = Router()
    labels = {"service": "payments", "env": "qa"}
    assert isinstance(router.route(labels, config), Routed)
    ignoring = config_of(tmp_path, CONFIG.replace("dev|test", "dev|test|qa"))
    assert isinstance(router.route(labels, ignoring), Ignored)
    assert isinstance(router.route(labels, config), Routed)


def test_the_labels_read_are_all_that_matter(config):
    assert labels_read(config) == {"alertname", "service", "severity", "env", "region", "city", "dc", "status_page"}
