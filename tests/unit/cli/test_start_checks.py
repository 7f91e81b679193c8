"""Which senders a configuration is about, and so cannot do without credentials."""

from __future__ import annotations

import pytest

from bridge.cli.start_checks import named_sources
from bridge.config.loader import load

SOURCES = ("alertmanager", "pagerduty")
BASE = "version: 1\nservices: {shop: Shop}\nseverity: [{is: MINOR}]\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("routes: [{name: all, services: [shop]}]", set()),
        ("routes: [{name: pd, match: '__source__ = pagerduty', services: [shop]}]", {"pagerduty"}),
        ("routes: [{name: am, match: '__source__ != pagerduty', services: [shop]}]", {"alertmanager"}),
        ("routes: [{name: any, match: '__source__ =~ \".+\"', services: [shop]}]", set()),
        (
            "routes: [{name: off-page, match: '__source__ = pagerduty', ignore: true}, {name: all, services: [shop]}]",
            set(),
        ),
        ("pagerduty: {open_on: acknowledged}\nroutes: [{name: all, services: [shop]}]", {"pagerduty"}),
        ("senders: {alertmanager: {eu: {}}}\nroutes: [{name: all, services: [shop]}]", {"alertmanager"}),
    ],
)
def test_a_configuration_names_the_senders_that_it_lists_sets_up_or_tells_apart(tmp_path, rest, expected):
    path = tmp_path / "bridge.yaml"
    path.write_text(f"{BASE}{rest}\n")
    assert named_sources(SOURCES, load(path)) == expected
