"""Finding the mistakes of a public text before it is ever rendered, also in branches that are rarely taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from bridge.messages import did_you_mean, one_of
from bridge.texts.template import FILTERS, WORDS, label_of, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_HARMLESS = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
)
_EXPECTED = "{{ … }} with labels, services, severity or status, {% if … %} or {% for service in services %}"


class Flaw(NamedTuple):
    """A mistake in a text; ``line`` counts from 1 within the text."""

    line: int
    message: str
    expected: str | None = None
    hint: str | None = None


def flaws(source: str, public_labels: Collection[str]) -> list[Flaw]:
    """Every mistake in a text."""
    try:
        tree = parse(source)
    except TemplateSyntaxError as error:
        return [Flaw(error.lineno, f"template syntax: {error.message}")]
    return list(_flaws(tree, None, public_labels))


def _flaws(node: nodes.Node, loop: str | None, public_labels: Collection[str]) -> Iterator[Flaw]:
    label = label_of(node)
    if label is not None:
        yield from _label_flaws(label, node.lineno, public_labels)
        return
    match node:
        case nodes.Name():
            yield from _name_flaws(node, loop, public_labels)
        case nodes.Filter():
            yield from _filter_flaws(node)
        case nodes.For():
            yield from _loop_flaws(node, loop)
            loop = _target(node)
        case nodes.Getattr() | nodes.Getitem():
            yield Flaw(node.lineno, "only labels have parts", expected="labels.<name> or a filter such as first")
            return
        case _ if not isinstance(node, _HARMLESS):
            yield Flaw(node.lineno, f"a text cannot use {type(node).__name__.lower()}", expected=_EXPECTED)
            return
    for child in node.iter_child_nodes(exclude=("target",)):
        yield from _flaws(child, loop, public_labels)


def _label_flaws(label: str, line: int, public_labels: Collection[str]) -> Iterator[Flaw]:
    if label not in public_labels:
        publish = f'list "{label}" under public_labels if everyone may read its values'
        expected = one_of(sorted(public_labels)) if public_labels else None
        yield Flaw(line, f'the label "{label}" is not public', expected, did_you_mean(label, public_labels) or publish)


def _name_flaws(node: nodes.Name, loop: str | None, public_labels: Collection[str]) -> Iterator[Flaw]:
    valid = ["labels.<name>", "services", "severity", "status", *([loop] if loop else [])]
    if node.name == "labels":
        yield Flaw(node.lineno, "labels stands alone", "labels.<name> with a public label")
    elif node.name not in valid:
        near = did_you_mean(node.name, (*WORDS, *valid[4:]))
        hint = f'did you mean "labels.{node.name}"?' if node.name in public_labels else near
        yield Flaw(node.lineno, f'unknown name "{node.name}"', one_of(valid), hint)


def _filter_flaws(node: nodes.Filter) -> Iterator[Flaw]:
    known = FILTERS.get(node.name)
    if known is None:
        yield Flaw(node.lineno, f'unknown filter "{node.name}"', one_of(FILTERS), did_you_mean(node.name, FILTERS))
    elif node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
        yield Flaw(node.lineno, f'the filter "{node.name}" is misused', "{{ value | filter }} or filter(argument)")
    elif not known.at_least <= len(node.args) <= known.at_most:
        wanted = " or ".join(map(str, sorted({known.at_least, known.at_most})))
        yield Flaw(node.lineno, f'the filter "{node.name}" has {len(node.args)} arguments', wanted)


def _loop_flaws(node: nodes.For, loop: str | None) -> Iterator[Flaw]:
    iterated: nodes.Expr | None = node.iter if isinstance(node.iter, nodes.Expr) else None
    while isinstance(iterated, nodes.Filter) and iterated.name in {"sort", "unique"}:
        iterated = iterated.node
    over_services = isinstance(iterated, nodes.Name) and iterated.name == "services"
    if not over_services or loop or node.recursive or _target(node) in {None, *WORDS}:
        yield Flaw(node.lineno, "a text cannot loop like this", "{% for service in services %}, not nested")


def _target(node: nodes.For) -> str | None:
    return node.target.name if isinstance(node.target, nodes.Name) else None
