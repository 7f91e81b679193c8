from __future__ import annotations

import pytest

from bridge.config.schema import Store

REST = """\
version: 1
services: {a: A}
routes: [{name: a, services: [a]}]
"""


def test_without_the_section_store_has_defaults(load_text):
    expected = Store(durability="warn", wait_replicas=0, wait_timeout_ms=1_500)
    assert load_text(REST).store == load_text(REST + "store: {}\n").store == expected


def test_each_key_of_store_is_read(load_text):
    text = "store: {durability: require, wait_replicas: 2, wait_timeout: 500ms}\n"
    assert load_text(REST + text).store == Store(durability="require", wait_replicas=2, wait_timeout_ms=500)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "{durability: required}",
            'store.durability: unknown value "required"; expected one of warn, require; did you',
        ),
        ("{wait_replicas: -1}", 'store.wait_replicas: found the number "-1"; expected a whole number, at least 0'),
        ("{wait_timeout: 2s}", "store.wait_timeout: 2s is too long; expected at most 1s800ms"),
        ("{wait_timeout: 0s}", 'store.wait_timeout: found the text "0s"; expected a duration such as'),
        ("{replicas: 1}", 'store.replicas: unknown key "replicas"; expected one of durability, wait_replicas'),
    ],
)
def test_all_mistakes_in_store_are_found(problems_of, section, message):
    (problem,) = problems_of(REST + f"store: {section}\n")
    assert message in str(problem)
