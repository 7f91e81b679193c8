"""How printed output is compared with what a command answers: what varies is masked, and no word is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.transcript import Transcript

SHOWN = """\
page     observed  severity  age   id          key   next
not yet  -         MEDIUM    1m5s  6MDQJYNPGN  shop  publishes in 9 s unless it clears
since 2026-11-30T02:59:42.747Z, tried again at 02:21 UTC, at 21:06:26
  publish delay seconds  10.245
  id  60d88c64-56ab-41d3-b49d-a5dfbdacc8d8
  (code 201, ms 118)
  publish after  10s of firing
"""
VARIED = """\
page     observed  severity  age  id          key   next
not yet  -         MEDIUM    8s   6MDQJYNPGN  shop  publishes in 10 s unless it clears
since 2027-01-02T12:00:00.001Z, tried again at 00:00 UTC, at 01:02:03
  publish delay seconds  0.1
  id  aaaaaaaa-56ab-41d3-b49d-a5dfbdacc8d8
  (code 201, ms 7)
  publish after  10s of firing
"""


def agrees(shown: str, answer: str) -> bool:
    return Transcript([], {}, {}, Path()).agrees(shown, answer)


def test_times_durations_and_ids_may_differ_and_columns_be_as_wide_as_what_they_hold() -> None:
    assert agrees(SHOWN, SHOWN)
    assert agrees(SHOWN, VARIED)


def test_a_wrong_word_is_noticed_wherever_it_stands() -> None:
    words = [found for found in re.finditer(r"[A-Za-z]{2,}", VARIED) if found[0] != "a" * 8]
    assert len(words) > 30
    missed = [found[0] for found in words if agrees(SHOWN, f"{VARIED[: found.start()]}wrong{VARIED[found.end() :]}")]
    assert missed == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("code 201", "code 500"),
        ("10s of firing", "11s of firing"),
        ("6MDQJYNPGN", "SVR2MWV80N"),
        ("  publish delay", " publish delay"),
        ("in 10 s", "in soon s"),
        ("  8s   ", "  -   "),
        ("T12:00:00.001Z", "T12:00Z"),
        ("  (code 201, ms 7)\n", ""),
        ("of firing\n", "of firing\nand more\n"),
    ],
)
def test_a_wrong_number_or_line_is_noticed(right: str, wrong: str) -> None:
    assert right in VARIED
    assert not agrees(SHOWN, VARIED.replace(right, wrong))


def test_an_id_is_the_same_wherever_it_stands() -> None:
    one, other, third = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "123")
    transcript = Transcript([], {}, {}, Path())
    assert not transcript.agrees(f"{one} and {one}\n", f"{other} and {third}\n")
    assert transcript.agrees(f"{one} and {one}\n", f"{other} and {other}\n")
    assert transcript.agrees(f"{one}\n", f"{other}\n")
    assert not transcript.agrees(f"{one}\n", f"{third}\n")
    assert transcript.here(f"resolve {one}") == f"resolve {other}"


def test_what_a_page_leaves_out_may_be_anything_but_what_follows_must_be_there() -> None:
    shown = "first\n  …\nlast line is … here\n…\n"
    assert agrees(shown, "first\n  second\n  third\nlast line is 7 here\nmore\n")
    assert not agrees(shown, "first\n  second\nlast line is 7 there\n")
    assert not agrees(shown, "second\nlast line is 7 here\n")
    assert not agrees("only …\n", "only this\nand that\n")


def test_words_that_stand_for_others_here_are_replaced_in_commands_and_answers() -> None:
    transcript = Transcript([], {}, {"bridge.yaml": "/elsewhere/bridge.yaml"}, Path())
    assert transcript.here("grep a bridge.yaml") == "grep a /elsewhere/bridge.yaml"
    assert transcript.agrees("route (bridge.yaml:12)\n", "route (/elsewhere/bridge.yaml:12)\n")
    assert not transcript.agrees("route (bridge.yaml:12)\n", "route (/elsewhere/bridge.yaml:13)\n")
