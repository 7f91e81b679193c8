"""The hash by which replicas with different files are told apart."""

from __future__ import annotations

import re

import pytest

from bridge.config.loader import load

FILE = """\
version: 1
services: {shop: Shop, search: Search}
severity: [{is: MINOR}]
checkly: {reference: true}
routes: [{name: one, match: a = b, services: [shop]}, {name: two, match: a = c, services: [search]}]
"""
SAME = """\
# the same, written by another hand
version: 1
severity:
  - is: "MINOR"
services:
  search: Search
  shop: 'Shop'
checkly:
  reference: yes
routes:
  - services: &of_shop [shop]   # named once
    name: one
    match: a = b
  - {name: two, match: a = c, services: [search]}
"""


def test_comments_layout_and_the_order_of_keys_do_not_count(load_text):
    one, other = load_text(FILE), load_text(SAME)
    assert one.content_hash == other.content_hash
    assert one.digest != other.digest
    assert re.fullmatch("[0-9a-f]{12}", one.content_hash)


def test_where_the_file_lies_does_not_count(load_text, tmp_path):
    expected = load_text(FILE).content_hash
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.yaml").write_text(FILE)
    assert load(elsewhere / "other.yaml").content_hash == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Search}", "Suche}"),
        ("is: MINOR", "is: MAJOR"),
        ("reference: true", "reference: every"),
        ("reference: true", "reference: false"),
        (
            "[shop]}, {name: two, match: a = c, services: [search]}",
            "[search]}, {name: two, match: a = c, services: [shop]}",
        ),
        (
            "{name: one, match: a = b, services: [shop]}, {name: two, match: a = c, services: [search]}",
            "{name: one, match: a = b, services: [shop, search]}",
        ),
        ("version: 1", "version: 1\nretention: 8d"),
    ],
)
def test_everything_else_counts(load_text, before, after):
    assert before in FILE
    assert load_text(FILE).content_hash != load_text(FILE.replace(before, after)).content_hash


def test_the_order_of_routes_counts(load_text):
    routes = "[{name: two, match: a = c, services: [search]}, {name: one, match: a = b, services: [shop]}]"
    assert load_text(FILE).content_hash != load_text(re.sub(r"\[\{name: one.*", routes, FILE)).content_hash
