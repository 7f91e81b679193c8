from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.core.page_word import PAGE_WORDS, PageWord, page_word
from bridge.core.results import Closed, Seen
from bridge.model import V1_PAGE, Post, v3_page
from tests.unit.core.configured import MINUTE, SECOND
from tests.unit.core.lifecycle_harness import POLICY
from tests.unit.core.watched_harness import WatchedHarness
from tests.unit.transitions import after

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "http.md"
PUBLIC = [("fire",), ("after", MINUTE)]


def test_every_word_has_a_meaning_which_the_reference_gives():
    assert list(PAGE_WORDS) == list(PageWord)
    page = REFERENCE.read_text()
    assert [word for word, meaning in PAGE_WORDS.items() if f"| `{word}` | {meaning} |" not in page] == []


@pytest.mark.parametrize(
    ("acts", "word"),
    [
        ([("fire",)], PageWord.NOT_YET),
        ([("is_", "is down"), *PUBLIC], PageWord.NOT_YET),
        ([("is_", "has no room"), *PUBLIC], PageWord.BUDGET),
        ([("is_", "is another's"), *PUBLIC], PageWord.SECOND_WRITER),
        ([("is_", "refuses"), *PUBLIC], PageWord.REFUSED),
        ([("is_", "loses answers"), *PUBLIC], PageWord.UNKNOWN),
        (PUBLIC, PageWord.OPEN),
        ([*PUBLIC, ("after", SECOND), ("clear",)], PageWord.OPEN),
        ([*PUBLIC, ("is_", "refuses"), ("acknowledge",)], PageWord.REFUSED),
        ([*PUBLIC, ("close",)], PageWord.CLOSED),
        ([*PUBLIC, ("close",), ("reopen",)], PageWord.REOPENED),
        (
            [*PUBLIC, ("close",), ("is_", "is down"), ("after", 1), ("clear",), ("after", 1), ("fire",)],
            PageWord.NOT_YET,
        ),
        ([*PUBLIC, ("after", SECOND), ("clear",), ("after", 2 * MINUTE)], PageWord.RESOLVED),
        ([("fire",), ("clear",)], PageWord.NOT_PUBLISHED),
        ([("is_", "is down"), *PUBLIC, ("clear",), ("after", 2 * MINUTE)], PageWord.NOT_PUBLISHED),
        ([("is_", "refuses"), *PUBLIC, ("clear",), ("after", 2 * MINUTE)], PageWord.NOT_PUBLISHED),
    ],
)
def test_the_word_says_what_readers_see(acts, word):
    harness = WatchedHarness(POLICY, V1_PAGE)
    for act, *arguments in acts:
        getattr(harness, act)(*arguments)
    assert harness.word == word


def test_a_service_that_no_page_shows_is_said():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.pages_of = {}
    harness.fire().after(MINUTE)
    assert harness.word == PageWord.NO_PAGE


def test_of_several_pages_the_one_that_a_person_must_know_speaks_and_is_named():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.fire().after(MINUTE)
    words = {V1_PAGE: PageWord.OPEN, v3_page("status"): PageWord.REFUSED}
    assert page_word(harness.incident, words) == "refused (v3:status)"
    assert page_word(harness.incident, dict.fromkeys(words, PageWord.OPEN)) == "open"


def test_a_page_where_nothing_was_found_says_nothing():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.fire().after(MINUTE)
    posts = {**harness.incident.progress.posts, v3_page("status"): Post()}
    harness.incident = replace(harness.incident, progress=replace(harness.incident.progress, posts=posts))
    assert harness.word == PageWord.OPEN


def test_what_was_closed_stays_so_after_its_end():
    harness = WatchedHarness(POLICY, V1_PAGE)
    harness.fire().after(MINUTE)
    harness.put(after(harness.post, Closed(), Seen(is_theirs=False), now=harness.now))
    harness.clear().after(2 * MINUTE)
    assert harness.word == PageWord.CLOSED
