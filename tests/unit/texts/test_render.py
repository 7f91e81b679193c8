from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Phase, Severity
from bridge.texts.length import longest
from bridge.texts.lint import lint
from bridge.texts.render import DEFAULT_TEXTS, DEFAULTS, NAME_CHARS, TextKind, Texts, compile_text
from bridge.texts.template import FILTERS, Template

PUBLIC = ("region", "items", "host.name", "__source__")


def render(
    source: str, *, kind: TextKind = TextKind.INVESTIGATING, labels=None, services=("Checkout", "Search")
) -> str:
    template = compile_text(source, PUBLIC)
    assert isinstance(template, Template), template
    texts = DEFAULT_TEXTS.override({kind: template})
    return texts.render(
        kind, labels=labels or {}, services=services, severity=Severity.MAJOR, status=Phase.INVESTIGATING
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ services }}: {{ severity }} {{ status }}", "Checkout and Search: MAJOR INVESTIGATING"),
        ("in {{ labels.region }}", "in eu, us"),
        ("in {{ labels['region'] }} {{ labels['host.name'] }}", "in eu, us web 1"),
        ("{{ labels.items }}, really", "a thing, really"),
        ("from {{ labels.__source__ }}", "from"),
        ("{% if labels.region %}in {{ labels.region }}{% else %}everywhere{% endif %}", "in eu, us"),
        ("{{ services | join(' + ') }}", "Checkout + Search"),
        ("{% for s in services | sort %}<{{ s }}>{% endfor %}", "<Checkout><Search>"),
        ("{{ 'several' if services | length > 1 else services | first }}", "several"),
        ("{{ services | last | upper }} {{ severity | lower }} {{ severity | title }}", "SEARCH major Major"),
        ("{{ services | unique }}", "Checkout and Search"),
        ("{{ labels.__source__ | default('us') }}", "us"),
        ("{{ severity | replace('MAJOR', 'serious') | capitalize }}", "Serious"),
        ("{{ 'bad' if severity in ['MAJOR', 'CRITICAL'] else 'fine' }}", "bad"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("a & b", "a & b"),
    ],
)
def test_what_texts_can_say(source, text):
    labels = {"region": ("eu", "us"), "items": ("a thing",), "host.name": ("web_1",)}
    assert render(source, labels=labels) == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ labels.regoin }}", 'the label "regoin" is not public'),
        ("{{ labels.instance }}", 'the label "instance" is not public'),
        ("{{ labels[severity] }}", "only labels have parts"),
        ("{{ labels }}", "labels stands alone"),
        ("{{ region }}", 'unknown name "region"'),
        ("{{ servces }}", 'unknown name "servces"'),
        ("{% if false %}{{ nothing }}{% endif %}", 'unknown name "nothing"'),
        ("{{ services | jion }}", 'unknown filter "jion"'),
        ("{{ services | join(', ', 'x') }}", 'the filter "join" has 2 arguments'),
        ("{{ services | join(attribute='__class__') }}", 'the filter "join" is misused'),
        ("{{ services | replace('a') }}", 'the filter "replace" has 1 arguments'),
        ("{{ services.append }}", "only labels have parts"),
        ("{{ services[0] }}", "only labels have parts"),
        ("{{ ''.__class__.__mro__ }}", "only labels have parts"),
        ("{{ labels.region.upper() }}", "a text cannot use call"),
        ("{{ range(9) }}", "a text cannot use call"),
        ("{{ 2 ** 99999999 }}", "a text cannot use pow"),
        ("{{ 'x' * 999999999 }}", "a text cannot use mul"),
        ("{% set x = 1 %}", "a text cannot use assign"),
        ("{% macro m() %}{% endmacro %}", "a text cannot use macro"),
        ("{% include 'x' %}", "a text cannot use include"),
        ("{% for c in severity %}{{ c }}{% endfor %}", "a text cannot loop like this"),
        (
            "{% for a in services %}{% for b in services %}{{ a }}{% endfor %}{% endfor %}",
            "a text cannot loop like this",
        ),
        ("{% for labels in services %}{{ labels.region }}{% endfor %}", "a text cannot loop like this"),
        ("{% for s in services %}{{ loop.index }}{% endfor %}", "only labels have parts"),
        ("{% for s in services %}{% endfor %}{{ s }}", 'unknown name "s"'),
        ("{{ services is defined }}", "a text cannot use test"),
        ("{{ oops", "template syntax"),
        ("{% for %}", "template syntax"),
    ],
)
def test_what_texts_cannot_say(source, message):
    assert lint(source, PUBLIC)[0].message.startswith(message)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("{{ labels.regoin }}", 'did you mean "region"?'),
        ("{{ region }}", 'did you mean "labels.region"?'),
        ("{{ sevrity }}", 'did you mean "severity"?'),
        ("{{ services | uper }}", 'did you mean "upper"?'),
        ("{% for svc in services %}{{ svcs }}{% endfor %}", 'did you mean "svc"?'),
        ("{{ labels.zzz }}", 'list "zzz" under public_labels if everyone may read its values'),
    ],
)
def test_the_nearest_name_is_offered(source, hint):
    assert [flaw.hint for flaw in lint(source, PUBLIC)] == [hint]


def test_every_flaw_is_found_on_its_line():
    found = lint("{{ a }}\n\n{% if b %}{{ c | d }}\n{% endif %}{{ services.x }}", PUBLIC)
    assert [flaw.line for flaw in found] == [1, 3, 3, 3, 4]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ services | length < severity }}", "the text cannot be rendered"),
        ("x{% if labels.region == 'eu' %}{{ 1 < 'a' }}{% endif %}", "the text cannot be rendered"),
        ("{{ labels.region }}", "the text can come out empty"),
        ("{% if severity == 'CRITICAL' %}bad{% endif %}", "the text can come out empty"),
    ],
)
def test_a_text_that_could_fail_or_be_empty_is_refused(source, message):
    [flaw] = compile_text(source, PUBLIC)  # type: ignore[misc]  # it is no template
    assert flaw.message.startswith(message)


def test_a_text_that_fails_all_the_same_gives_way_to_the_default():
    broken = DEFAULT_TEXTS.override({TextKind.RESOLVED: Template("{{ 1 < 'a' }}"), TextKind.UPDATE: Template(" ")})
    assert render_with(broken, TextKind.RESOLVED) == "The issue affecting Checkout has been resolved."
    assert render_with(broken, TextKind.UPDATE) == render_with(DEFAULT_TEXTS, TextKind.UPDATE)


def render_with(texts: Texts, kind: TextKind) -> str:
    return texts.render(kind, labels={}, services=["Checkout"], severity=Severity.MINOR, status=Phase.RESOLVED)


@pytest.mark.parametrize("kind", list(TextKind))
@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_default_texts_are_sentences_without_labels(kind, count):
    assert not DEFAULT_TEXTS.templates[kind].labels
    text = render(DEFAULTS[kind], kind=kind, services=[f"Service {n}" for n in range(count)])
    assert text[0].isupper()
    assert "{" not in text
    assert len(text) < NAME_CHARS
    assert (text[-1] == ".") == (kind is not TextKind.NAME)


def test_a_name_is_one_line_and_every_text_has_a_limit():
    name = render("{{ services }}\n\n  are\tdown", kind=TextKind.NAME, services=["x" * 100, "y" * 200])
    assert name == f"{'x' * 100} and {'y' * 149}…"
    assert len(name) == NAME_CHARS
    assert len(render("{{ services }}", services=["x" * 5000])) == 2000


@given(st.dictionaries(st.sampled_from(PUBLIC), st.lists(st.text(st.characters())).map(tuple)))
def test_labels_come_out_harmless(labels):
    text = render("a {{ labels.region }} {{ labels.items }}", labels=labels, kind=TextKind.NAME)
    assert not set(text) & set("<>[]()*_`#:/@&|~!\n\x00")


def test_values_of_labels_are_never_templates():
    assert render("x {{ labels.region }}", labels={"region": ("{{ severity }}",)}) == "x severity"


@pytest.mark.parametrize(
    ("source", "length"),
    [
        ("{{ services }}", 9 + 5 + 6),
        ("{{ services | first }}", 9),
        ("{{ severity }}", len("CRITICAL")),
        ("{{ status }}", len("INVESTIGATING")),
        ("{{ labels.region }}", 64),
        ("{{ labels.items }}", 120),
        ("{{ labels.items | default('x' ~ severity) }}", 120),
        ("{{ labels.region | replace('x', 'yy') }}", 128),
        ("{% if severity == 'MINOR' %}a long text for a minor one{% else %}x{% endif %}", 27),
        ("{% if labels.region == 'eu' %}Europe{% elif labels.region == 'us' %}United States{% endif %}", 13),
        ("{% if labels.region == 'eu' %}{% if labels.items %}abcdef{% endif %}{% else %}{% endif %}", 6),
        ("{{ 'Europe' if labels.region == 'eu' else 'World' }}", 6),
        ("{% for s in services %}{% if labels.region == s %}{{ s }}!{% endif %}{% endfor %}", 17),
        ("{% if services | length > 1 %}many{% else %}{{ services }}{% endif %}", 9),
    ],
)
def test_the_longest_possible_name_is_computed(source, length):
    assert longest(Template(source), services=["Checkout!", "Search"], group_by=["region"]) == length


@given(
    st.lists(st.text("ab ", max_size=5), max_size=9),
    st.lists(st.sampled_from(["Checkout", "Search", "API"]), min_size=1, unique=True),
    st.sampled_from(list(Severity)),
)
def test_no_name_is_longer_than_the_longest(values, services, severity):
    source = (
        "{% if labels.items == 'a' %}A{{ services }}{% elif labels.items %}{{ labels.items }}{% else %}none{% endif %}"
        "{% for s in services %}{{ s if labels.items == s else severity }}{% endfor %}"
    )
    labels = {"items": tuple(values)}
    texts = DEFAULT_TEXTS.override({TextKind.NAME: Template(source)})
    text = texts.render(TextKind.NAME, labels=labels, services=services, severity=severity, status=Phase.MONITORING)
    assert len(text) <= longest(Template(source), services=["Checkout", "Search", "API"])


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a'" + " | replace('a', 'aaaaaaaaaa')" * 6 + " }}",
        "{{ " + "services | join(" * 3 + "'x'" + ")" * 3 + " }}",
    ],
)
def test_filters_cannot_explode(source):
    services = ["x" * n for n in range(1, 101)]
    assert len(Template(source).render(labels={}, services=services, severity="", status="")) == 2000


@pytest.mark.parametrize("kind", TextKind)
def test_a_public_name_is_said_once(kind):
    source = "{{ services | length }}: {% for s in services %}[{{ s }}]{% endfor %} {{ services }}"
    services = ("Search", "Checkout", "Search", "Checkout")
    assert render(source, kind=kind, services=services) == "2: [Search][Checkout] Search and Checkout"
    assert longest(Template("{{ services }}"), services=services) == len("Search and Checkout")


@pytest.mark.parametrize("name", list(FILTERS))
@pytest.mark.parametrize("value", ["'a'", "3", "services", "none", "true", "''", "[]"])
def test_filters_never_fail(name, value):
    arguments = {"default": "('x')", "replace": "('x', 3)"}.get(name, "")
    render(f"x {{{{ {value} | {name}{arguments} }}}}")
