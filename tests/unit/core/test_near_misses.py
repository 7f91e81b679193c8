from __future__ import annotations

import pytest

from bridge.config.loader import load
from bridge.core.near_misses import nearest_service, nearest_value

CONFIG = """\
version: 1
services: {checkout: Checkout, payments: Payments}
routes:
  - {name: quiet, match: team = shoppers, ignore: true}
  - {name: shop, match: team = shop, services: {label: service}}
  - {name: bank, match: 'team =~ "bank|lending|eu-.*"', services: [payments]}
  - {name: rest, match: team != toys, services: [payments]}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    return load(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("chekout", "checkout"), ("Payments", "payments"), ("warehouse", None), ("", None)],
)
def test_the_nearest_service_is_named_if_one_is_near(config, value, expected):
    assert nearest_service(value, config) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("shops", "shop"), ("banks", "bank"), ("lend", "lending"), ("shoppers", "shop"), ("eu", None), ("toys", None)],
)
def test_the_nearest_value_is_one_that_a_route_publishes(config, value, expected):
    assert nearest_value("team", value, config) == expected


def test_a_label_that_no_route_reads_has_no_nearest_value(config):
    assert nearest_value("instance", "shop", config) is None
