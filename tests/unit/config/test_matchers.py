from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.matchers import Matcher, MatcherError, contradiction, implies, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = TEXTS.filter(bool)
PATTERNS = st.sampled_from(["", "a", "a|ab", "a.*", "[ab]+", "(?i)A", "^a$", r"\d+", ".+", "é?"])
OPS = st.sampled_from(["=", "!=", "=~", "!~"])


@st.composite
def matchers(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Matcher:
    op = draw(OPS)
    return Matcher(draw(names), op, draw(PATTERNS if "~" in op else TEXTS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("severity = critical", [("severity", "=", "critical")]),
        ("severity=critical", [("severity", "=", "critical")]),
        ('severity =~ "error|high"', [("severity", "=~", "error|high")]),
        ("severity =~ error|high", [("severity", "=~", "error|high")]),
        ('status_page != ""', [("status_page", "!=", "")]),
        ("env !~ dev.*", [("env", "!~", "dev.*")]),
        ('{a="1",b!="2"}', [("a", "=", "1"), ("b", "!=", "2")]),
        ("a=1, b=2,", [("a", "=", "1"), ("b", "=", "2")]),
        ("{ a = 1 , }", [("a", "=", "1")]),
        ('"host.name" = "web 1"', [("host.name", "=", "web 1")]),
        ("région = Île", [("région", "=", "Île")]),
        (r'a = "say \"hi\" \\ \n"', [("a", "=", 'say "hi" \\ \n')]),
        (r'a =~ "web\.prod"', [("a", "=~", r"web\.prod")]),
        ('a = "x,y}"', [("a", "=", "x,y}")]),
        ("__source__ = pagerduty", [("__source__", "=", "pagerduty")]),
    ],
)
def test_the_grammar_is_alertmanagers(text, expected):
    assert parse(text) == tuple(Matcher(*each) for each in expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no matcher"),
        ("{}", "there is no matcher"),
        (",", "unexpected ,"),
        ("severity", "unexpected end after severity"),
        ("severity critical", "unexpected critical after severity"),
        ("severity == critical", "unexpected ="),
        ("severity =", "unexpected end"),
        ("= critical", "unexpected ="),
        ('"" = a', "the label name is empty"),
        ("a = b c", "unexpected c"),
        ("a = b, , c = d", "unexpected ,"),
        ("a = 'b'", "unexpected '"),
        ('a = "b', "the double quote is not closed"),
        ("{a = b", "the braces do not pair"),
        ("a = b}", "the braces do not pair"),
        ("{a = b} c = d", "the braces do not pair"),
        ("a ~ b", "unexpected ~"),
        ('a =~ "("', 'bad regular expression "("'),
        (r'a =~ "(?=b)"', "bad regular expression"),
    ],
)
def test_what_is_no_matcher_says_why(text, message):
    with pytest.raises(MatcherError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)


@given(st.lists(matchers(), min_size=1, max_size=4))
def test_the_canonical_text_reads_back(many):
    assert parse(",".join(map(str, many))) == tuple(many)
    assert parse("{" + ", ".join(map(str, many)) + "}") == tuple(many)


@given(TEXTS)
def test_any_text_parses_or_is_refused(text):
    with suppress(MatcherError):
        assert parse(text)


@given(matchers(), st.dictionaries(TEXTS, TEXTS))
def test_an_operator_and_its_negation_disagree(matcher, labels):
    opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[matcher.op]
    assert matcher.matches(labels) != Matcher(matcher.name, opposite, matcher.value).matches(labels)


@given(matchers(st.just("a")))
def test_a_missing_label_equals_an_empty_one(matcher):
    assert matcher.matches({}) == matcher.matches({"a": ""})


def test_regular_expressions_are_anchored_and_linear():
    assert not Matcher("a", "=~", "b").matches({"a": "abc"})
    assert Matcher("a", "=~", "b|abc").matches({"a": "abc"})
    assert not Matcher("a", "=~", "(a*)*b").matches({"a": "a" * 100_000})


SMALL = matchers(st.sampled_from(["a", "b"])).map(
    lambda m: Matcher(m.name, m.op, m.value[:1] if "~" not in m.op else m.value)
)
SETS = st.lists(SMALL, max_size=3)
LABELS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "a", "b", "ab", "0", "é"]))


@given(SETS, SETS, LABELS)
def test_implication_is_sound(later, earlier, labels):
    if implies(later, earlier) and all(m.matches(labels) for m in later):
        assert all(m.matches(labels) for m in earlier)


@given(SETS, LABELS)
def test_contradiction_is_sound(many, labels):
    if contradiction(many):
        assert not all(m.matches(labels) for m in many)


@pytest.mark.parametrize(
    ("later", "earlier", "expected"),
    [
        ("a = 1", "a = 1", True),
        ("a = 1, b = 2", "a = 1", True),
        ("a = 1", "a = 1, b = 2", False),
        ("env = dev", "env != prod", True),
        ("env = dev", 'env =~ "dev|test"', True),
        ("env =~ dev", "env != prod", False),
        ('a = ""', "a != x", True),
    ],
)
def test_implication_finds_what_people_write(later, earlier, expected):
    assert implies(parse(later), parse(earlier)) is expected


AGAINST_ALERTMANAGER = [
    "a = 1",
    "a != 1",
    'a = ""',
    'a != ""',
    'a =~ "1|2"',
    "a =~ .+",
    "a !~ 1",
    "a =~ 1",
    'b = "x y"',
    r'b =~ "x\\sy"',
    r'b =~ "x\sy"',
    r'b = "q\"\\"',
    '{a="1",b="x y"}',
    "a = 1, b != z,",
]


@pytest.mark.needs("alertmanager")
@pytest.mark.parametrize(
    "labels", [{}, {"a": "1"}, {"a": "12"}, {"a": "1", "b": "x y"}, {"b": 'q"\\'}, {"a": "2", "b": "z"}]
)
def test_matching_is_alertmanagers(tmp_path, labels):
    routes = [
        {"matchers": [text], "receiver": f"r{n}", "continue": True} for n, text in enumerate(AGAINST_ALERTMANAGER)
    ]
    names = ["none", *(route["receiver"] for route in routes)]
    config = {"route": {"receiver": "none", "routes": routes}, "receivers": [{"name": name} for name in names]}
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    pairs = [f'{name}="{_escape(value)}"' for name, value in labels.items()]
    command = [str(shutil.which("amtool")), "config", "routes", "test", f"--config.file={file}", *pairs]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(",")
    ours = [f"r{n}" for n, text in enumerate(AGAINST_ALERTMANAGER) if all(m.matches(labels) for m in parse(text))]
    assert (ours or ["none"]) == answer


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
