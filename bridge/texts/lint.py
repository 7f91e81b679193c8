"""Finding the mistakes of a public text before it is ever rendered, also in branches that are rarely taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from bridge.messages import did_you_mean, one_of
from bridge.texts.template import FILTERS, WORDS, label_of, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_ALLOWED_NODES = (
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


class LintProblem(NamedTuple):
    """A mistake in a text; ``line`` counts from 1 within the text."""

    line: int
    message: str
    expected: str | None = None
    hint: str | None = None


def lint(source: str, public_labels: Collection[str]) -> list[LintProblem]:
    """Every mistake in a text."""
    try:
        tree = parse(source)
    except TemplateSyntaxError as error:
        return [LintProblem(error.lineno, f"template syntax: {error.message}")]
    return list(_lint(tree, None, public_labels))


def _lint(node: nodes.Node, loop: str | None, public_labels: Collection[str]) -> Iterator[LintProblem]:
    label = label_of(node)
    if label is not None:
        yield from _lint_label(label, node.lineno, public_labels)
        return
    match node:
        case nodes.Name():
            yield from _lint_name(node, loop, public_labels)
        case nodes.Filter():
            yield from _lint_filter(node)
        case nodes.For():
            yield from _lint_loop(node, loop)
            loop = _target(node)
        case nodes.Getattr() | nodes.Getitem():
            yield LintProblem(node.lineno, "only labels have parts", expected="labels.<name> or a filter such as first")
            return
        case _ if not isinstance(node, _ALLOWED_NODES):
            yield LintProblem(node.lineno, f"a text cannot use {type(node).__name__.lower()}", expected=_EXPECTED)
            return
    for child in node.iter_child_nodes(exclude=("target",)):
        yield from _lint(child, loop, public_labels)


def _lint_label(label: str, line: int, public_labels: Collection[str]) -> Iterator[LintProblem]:
    if label not in public_labels:
        publish = f'list "{label}" under public_labels if everyone may read its values'
        expected = one_of(sorted(public_labels)) if public_labels else None
        hint = did_you_mean(label, public_labels) or publish
        yield LintProblem(line, f'the label "{label}" is not public', expected, hint)


def _lint_name(node: nodes.Name, loop: str | None, public_labels: Collection[str]) -> Iterator[LintProblem]:
    valid = ["labels.<name>", "services", "severity", "status", *([loop] if loop else [])]
    if node.name == "labels":
        yield LintProblem(node.lineno, "labels stands alone", "labels.<name> with a public label")
    elif node.name not in valid:
        near = did_you_mean(node.name, (*WORDS, *valid[4:]))
        hint = f'did you mean "labels.{node.name}"?' if node.name in public_labels else near
        yield LintProblem(node.lineno, f'unknown name "{node.name}"', one_of(valid), hint)


def _lint_filter(node: nodes.Filter) -> Iterator[LintProblem]:
    known, line = FILTERS.get(node.name), node.lineno
    if known is None:
        yield LintProblem(line, f'unknown filter "{node.name}"', one_of(FILTERS), did_you_mean(node.name, FILTERS))
    elif node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
        yield LintProblem(line, f'the filter "{node.name}" is misused', "{{ value | filter }} or filter(argument)")
    elif not known.at_least <= len(node.args) <= known.at_most:
        wanted = " or ".join(map(str, sorted({known.at_least, known.at_most})))
        yield LintProblem(line, f'the filter "{node.name}" has {len(node.args)} arguments', wanted)


def _lint_loop(node: nodes.For, loop: str | None) -> Iterator[LintProblem]:
    iterated: nodes.Expr | None = node.iter if isinstance(node.iter, nodes.Expr) else None
    while isinstance(iterated, nodes.Filter) and iterated.name in {"sort", "unique"}:
        iterated = iterated.node
    over_services = isinstance(iterated, nodes.Name) and iterated.name == "services"
    if not over_services or loop or node.recursive or _target(node) in {None, *WORDS}:
        yield LintProblem(node.lineno, "a text cannot loop like this", "{% for service in services %}, not nested")


def _target(node: nodes.For) -> str | None:
    return node.target.name if isinstance(node.target, nodes.Name) else None
