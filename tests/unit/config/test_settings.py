"""A section's Struct is all that its reader and its schema need: names, types, bounds and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from bridge.config import yaml_node
from bridge.config.settings import keys_of, read_section

if TYPE_CHECKING:
    from bridge.config.problems import Problem


class Pump(Struct, frozen=True, kw_only=True):
    """A section."""

    mode: Annotated[Literal["slow", "fast"], Meta(description="How fast.")] = "slow"
    liters: Annotated[int, Meta(ge=2, description="How much.")] = 10
    rest_ms: Annotated[int, Meta(ge=1, le=60_000, description="How long it rests.")] = 1_000
    is_loud: Annotated[bool, Meta(description="Whether it is heard.")] = field(default=False, name="loud")
    derived: int = 0


def pump(text):
    problems: list[Problem] = []
    value = yaml_node.parse(text.encode(), "pump.yaml", problems)
    return read_section(value, Pump(derived=7)), [str(each) for each in problems]


def test_fields_with_a_description_are_keys_and_others_are_not():
    assert {name: key.field for name, key in keys_of(Pump).items()} == {
        "mode": "mode",
        "liters": "liters",
        "rest": "rest_ms",
        "loud": "is_loud",
    }


def test_what_the_file_leaves_out_has_the_default_of_the_struct():
    assert pump("{liters: 3}") == (Pump(liters=3, derived=7), [])


def test_each_key_is_read_by_the_type_of_its_field():
    found = Pump(mode="fast", liters=2, rest_ms=30_000, is_loud=True, derived=7)
    assert pump("{mode: fast, liters: 2, rest: 30s, loud: true}") == (found, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{mode: medium}", 'unknown value "medium"; expected one of slow, fast'),
        ("{liters: 1}", "expected a whole number, at least 2"),
        ("{rest: 0}", "expected a duration such as 90s, 5m or 1h30m (not 0)"),
        ("{rest: 2m}", "2m is too long; expected at most 1m"),
        ("{loud: 3}", "expected true or false"),
        ("{derived: 3}", 'unknown key "derived"'),
        ("{litres: 3}", 'did you mean "liters"?'),
    ],
)
def test_what_the_type_or_a_bound_forbids_is_a_mistake_and_the_default_stays(text, problem):
    found, problems = pump(text)
    assert found == Pump(derived=7)
    assert len(problems) == 1
    assert problem in problems[0]
