from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages import printable


@given(st.text())
def test_nothing_that_is_printed_steers_a_terminal(text):
    assert printable(text).isprintable()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_what_can_be_seen_stays_as_it_is(text):
    assert printable(text) == text


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_the_same_json(value):
    text = json.dumps(value, ensure_ascii=False, indent=2)
    assert json.loads(printable(text, keep="\n")) == value


def test_line_ends_are_kept_where_they_are_ours():
    assert printable("a\tb\n\x1b[2J", keep="\n") == "a\\tb\n\\u001b[2J"
