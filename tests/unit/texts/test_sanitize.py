from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.texts.sanitize import LABEL_CHARS, VALUE_CHARS, VALUES, sanitize_prose, sanitize_value, sanitize_values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu-west-1", "eu-west-1"),
        ("eu_west_1", "eu west 1"),
        ("São Paulo", "São Paulo"),
        ("東京", "東京"),
        ("version 1.25", "version 1.25"),
        ("  a \t\n b\x00\x1bc ", "a b c"),
        ("zero\u200bwidth", "zerowidth"),
        ("<script>alert(1)</script>", "script alert 1 script"),
        ("[click](https://evil.example/x?y)", "click https evil example x y"),
        ("www.evil.example", "www evil example"),
        ("mail@evil.example", "mail evil example"),
        ("evil\uff0eexample", "evil example"),
        ("**bold** _it_ `code` ~~no~~", "bold it code no"),
        ("# heading", "heading"),
        ("- item", "item"),
        ("1. item", "1 item"),
        ("---", ""),
        ("a--b", "a b"),
        ("{{ labels.secret }}", "labels secret"),
        ("&lt;b&gt;", "lt b gt"),
        ("\ud800", ""),
        ("Ze\u0301\u0301", "Zé\u0301"),
        ("A" + "\u0335" * 500 + "B", "A" + "\u0335" * 3 + "B"),
        ("\u0335" * 500 + "B", "B"),
        ("a " + "\u0335" * 500, "a"),
        ("\u3164\u115f\uffa0\u2800", ""),
        ("a\u3164\ufe0fb", "ab"),
        ("हिन्दी", "हिन्दी"),
        ("ภาษาไทยที่", "ภาษาไทยที่"),
        ("Tiếng Việt", "Tiếng Việt"),
        ("x" * 65, "x" * 63 + "…"),
    ],
)
def test_only_words_get_through(value, text):
    assert sanitize_value(value) == text


@given(st.text(st.characters()))
@example("ﷺ" * 60)
def test_whatever_the_value_it_is_harmless(value):
    text = sanitize_value(value)
    assert len(text) <= VALUE_CHARS
    assert not re.search(r"[^\w\s.…-]|_|\n|\s\s|^[\s-]|[-\s]$|--|[^\d]\.|\.[^\d]", re.sub(r"[^\x00-\x7f…]", "a", text))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((), ""),
        (("eu",), "eu"),
        (("eu", "us"), "eu, us"),
        (("a", "b", "c", "d", "e"), "a, b, c, d, e"),
        (("a", "b", "c", "d", "e", "f", "g"), "a, b, c, d, e and 2 more"),
        (("a", "<a>", "!", "b"), "a, b"),
        (("x" * 64, "y" * 64), "x" * 64 + " and 1 more"),
    ],
)
def test_values_are_listed_or_counted(values, text):
    assert sanitize_values(values) == text


@given(st.lists(st.text(st.characters()), max_size=20))
def test_a_listing_is_short(values):
    text = sanitize_values(values)
    assert len(text) <= LABEL_CHARS
    assert text.count(", ") < VALUES


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("We're on it: 50% of payments fail (cards only)!", "We're on it: 50% of payments fail (cards only)!"),
        ("Zwischen 10:30 und 11:15 Uhr \u2013 „alles“ gut.", "Zwischen 10:30 und 11:15 Uhr \u2013 „alles“ gut."),
        ("復旧中です。完了。", "復旧中です。 完了。"),
        ("first\n\n\nsecond", "first second"),
        ("<b>bold</b> &lt;i&gt; `code` **x** _y_ ~~z~~", "b bold /b lt;i gt; code x y z"),
        ("[click](https://evil.example/x)", "click ( )"),
        ("www.evil.example", "www. evil. example"),
        ("mail@evil.example", "mail evil. example"),
        ("https:////evil\uff0eexample", ""),
        ("see ftp://files.internal/a?b=c#d, please", "see please"),
        ("ht\u200btps://evil.example", ""),
        ("https :// evil.example", "https : evil. example"),
        ("x.y:// z", "x. y: z"),
        ("tel:+4912345 mailto:a@b javascript:alert(1)", "tel: +4912345 mailto: a b javascript: alert(1)"),
        ("10.0.0.1:8080/admin", ""),
        ("down: 10.0.0.1/admin and 10.0.0.2:80.", "down: and"),
        ("10.0.0.1\u200b:8080", ""),
        ("10.0.0.1: down, 10.0.0.2:<80", "10.0.0.1: down, 10.0.0.2: 80"),
        ("localhost:8080/admin", "localhost: 8080/admin"),
        ("at 10:30, ratio 3:1 :)", "at 10:30, ratio 3:1 :)"),
        ("# heading", "heading"),
        ("- item", "item"),
        ("/ /x", "x"),
        ("version 1.25 on 10.0.0.1", "version 1.25 on 10.0.0.1"),
        ("x\u202ey", "xy"),
        ("{{ labels.secret }}", "labels. secret"),
    ],
)
def test_prose_keeps_its_punctuation_and_nothing_else(written, text):
    assert sanitize_prose(written, 200) == text


@given(st.text(st.characters()), st.integers(min_value=10, max_value=100))
@example("/ /" * 9, 20)
@example("a:b 1:b 10.0.0.1:2", 20)
@example("10.0.0.1:(2 10.0.0.1/'2", 40)
def test_whatever_is_written_prose_is_harmless(written, limit):
    text = sanitize_prose(written, limit)
    assert len(text) <= limit
    assert not re.search(r"[<>\[\]{}`*_~#@\\|&=]|//|\n|[.。][^\W\d_]|[^\W\d]:\S|\w:[^\s\d]|^[-+.\s]|\s$", text)
    assert not re.search(r"\d(\.\d+){3}[:/]\w", text)


@pytest.mark.parametrize("char", ["a", "1", ".", "1.", "a:", "://", "1.1.1.1:"])
def test_a_text_as_long_as_a_body_is_read_in_no_time(char):
    started_at = time.monotonic()
    sanitize_prose(char * (1 << 18), 100)
    assert time.monotonic() - started_at < 30
