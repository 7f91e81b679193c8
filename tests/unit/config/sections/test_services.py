"""Services of both generations: what a name of ours may stand for, and what each severity does to a component."""

from __future__ import annotations

import pytest

from bridge.config.schema import Component, Service
from bridge.model import IMPACTS, V1_PAGE, Impact, Severity

ID = "5f1c0d1e-0000-4000-8000-00000000000a"
STATUS = Component(page="status", component="Checkout")
INTERNAL = Component(page="internal", component="Checkout")


@pytest.fixture
def service(load_text):
    """What the service ``a`` is, given as YAML."""

    def read(text: str):
        return load_text(f"version: 1\nservices: {{a: {text}}}\nroutes: [{{name: x, services: [a]}}]\n").services["a"]

    return read


@pytest.fixture
def mistakes(problems_of):
    """What is wrong with these services, without where."""

    def read(*lines: str, api: str = "auto") -> list[str]:
        services = "".join(f"  {line}\n" for line in lines)
        routes = "routes: [{name: x, services: {label: l}}]\n"
        found = problems_of(f"version: 1\ncheckly: {{api: {api}}}\nservices:\n{services}{routes}")
        return [str(each).partition(": services.")[2] for each in found]

    return read


@pytest.mark.parametrize(
    ("text", "expected", "display", "pages"),
    [
        ("Checkout", Service(name="a", remote_name="Checkout"), "Checkout", [V1_PAGE]),
        ("{name: Checkout, shared: true}", Service(name="a", remote_name="Checkout", shared=True), "Checkout", ["v1"]),
        (f"{{id: {ID.upper()}}}", Service(name="a", id=ID), "a", [V1_PAGE]),
        (
            "{page: status, component: Checkout}",
            Service(name="a", in_v1=False, components=(STATUS,)),
            "Checkout",
            ["v3:status"],
        ),
        (
            f"{{page: {ID.upper()}, component: {ID}}}",
            Service(name="a", in_v1=False, components=(Component(page=ID, component=ID),)),
            "a",
            [f"v3:{ID}"],
        ),
        (
            "[{page: status, component: Checkout}, Shop, {page: internal, component: Checkout}]",
            Service(name="a", remote_name="Shop", components=(STATUS, INTERNAL)),
            "Shop",
            ["v1", "v3:status", "v3:internal"],
        ),
        (
            f"[{{id: {ID}}}, {{page: status, component: Checkout}}, {{page: status, component: Pay}}]",
            Service(name="a", id=ID, components=(STATUS, Component(page="status", component="Pay"))),
            "Checkout",
            ["v1", "v3:status"],
        ),
    ],
)
def test_a_service_is_of_one_generation_or_of_both(service, text, expected, display, pages):
    found = service(text)
    assert found == expected
    assert (found.display, list(found.pages)) == (display, pages)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{page: p, component: c, bogus: 1}", 'a.bogus: unknown key "bogus"; expected one of page, component'),
        ("{pag: p, component: c}", 'a.pag: unknown key "pag"; expected one of page, component; did you mean "page"?'),
        ("{page: p, component: c, shared: true}", 'a.shared: unknown key "shared"; expected one of page, component'),
        ("{page: p}", 'a: the key "component" is missing'),
        ("{shared: true}", 'a: the key "id" is missing; expected an exact name on Checkly, {id: UUID}'),
        (f"{{id: {ID}, name: A}}", "a: both id and name are given; expected one of them"),
        ("{page: p, component: [c]}", "a.component: found a list; expected an id or a name"),
        ('{page: "a\\nb", component: c}', "a.page: there is a line break or another control character in it"),
        ("[]", "a: the list is empty; expected at least one service or component of Checkly's"),
        ("[[A]]", "a[0]: found a list; expected an exact name on Checkly"),
        ("[A, B]", "a[1]: the service names two services of the v1 API"),
        ("[{page: p, component: c}, {page: p, component: c}]", "a[1]: the service names this component twice"),
    ],
)
def test_what_is_wrong_with_a_service_is_said_once(mistakes, text, says):
    assert any(each.startswith(says) for each in mistakes(f"a: {text}"))
    assert len(mistakes(f"a: {text}")) == 1


def test_an_unknown_key_is_measured_against_those_of_its_generation(mistakes):
    assert mistakes(f"a: {{id: {ID}, shred: true}}") == [
        'a.shred: unknown key "shred"; expected one of id, name, shared; did you mean "shared"?'
    ]
    assert 'expected one of id, name, shared, page, component; did you mean "page"?' in " ".join(
        mistakes("a: {pag: p}")
    )


@pytest.mark.parametrize(
    "lines",
    [
        ("a: A", "b: {name: A}"),
        ("a: A", "b: [{page: p, component: c}, A]"),
        ("a: {page: p, component: c}", "b: [B, {page: p, component: c}]"),
    ],
)
def test_two_names_for_one_service_are_a_mistake(mistakes, lines):
    (mistake,) = mistakes(*lines)
    assert mistake == 'b: "a" on line 4 is the same service; expected one name for each'


def test_a_component_of_one_name_on_two_pages_is_no_mistake(mistakes):
    assert mistakes("a: {page: p, component: c}", "b: {page: q, component: c}", "c: c") == []


def test_the_generation_can_be_restricted(mistakes):
    v1, v3 = "a: A", "a: {page: p, component: c}"
    assert mistakes(v1, api="v1") == mistakes(v3, api="v3") == []
    assert mistakes(v1, api="v3") == [
        "a: this is a service of the v1 API, but checkly.api is v3; expected checkly.api: auto or v1"
    ]
    assert mistakes(v3, api="v1") == [
        "a: this is a component of a v3 page, but checkly.api is v1; expected checkly.api: auto or v3"
    ]


def test_impacts_are_the_builtin_ones_then_the_global_ones_then_the_routes(load_text):
    config = load_text("""\
version: 1
services: {a: A}
impact: {MAJOR: MAJOR_OUTAGE, MINOR: OPERATIONAL}
routes:
  - {name: own, match: x = 1, services: [a], impact: {MINOR: UNDER_MAINTENANCE}}
  - {name: plain, services: [a]}
""")
    globally = {**IMPACTS, Severity.MAJOR: Impact.MAJOR_OUTAGE, Severity.MINOR: Impact.OPERATIONAL}
    own, plain = config.routes
    assert config.defaults.impacts == plain.policy.impacts == globally
    assert own.policy.impacts == {**globally, Severity.MINOR: Impact.UNDER_MAINTENANCE}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("impact: {CRITICAL: DOWN}", 'impact.CRITICAL: unknown value "DOWN"; expected one of OPERATIONAL, '),
        ("impact: {CRITCAL: MAJOR_OUTAGE}", 'impact.CRITCAL: unknown key "CRITCAL"'),
        ("impact: MAJOR_OUTAGE", 'impact: found the text "MAJOR_OUTAGE"; expected a mapping with MINOR'),
        ("defaults: {impact: {}}", 'defaults.impact: unknown key "impact"'),
        (
            "checkly: {second_writer: yield}",
            'checkly.second_writer: unknown value "yield"; expected one of hold, ignore',
        ),
    ],
)
def test_wrong_impacts_and_choices_are_mistakes(problems_of, line, says):
    (problem,) = problems_of(f"version: 1\nservices: {{a: A}}\nroutes: [{{name: x, services: [a]}}]\n{line}\n")
    assert says in str(problem)
