"""How long a text can get, whatever the alerts say."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from bridge.model import Phase, Severity
from bridge.texts.sanitize import LABEL_CHARS, VALUE_CHARS
from bridge.texts.template import Template, labels_read, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


def longest(template: Template, *, services: Sequence[str], group_by: Collection[str] = ()) -> int:
    """The most characters that a one-line text can have.

    Tried are any number of the services, each label absent or at its longest (one value if it is in
    ``group_by``, several if not), every severity and status. Raises TypeError where a branch compares what
    cannot be compared.
    """
    return max(len(" ".join(text.split())) for text in renderings(template, services=services, group_by=group_by))


def renderings(template: Template, *, services: Sequence[str], group_by: Collection[str] = ()) -> Iterator[str]:
    """The text in every situation that ``longest`` tries; a decision that reads a label takes its longest branch."""
    ranked = sorted(services, key=len, reverse=True)
    full = {label: "x" * (VALUE_CHARS if label in group_by else LABEL_CHARS) for label in template.labels}
    tree = parse(template.source)
    words = {node.name for node in tree.find_all(nodes.Name)}
    severities = [each.name for each in Severity] if "severity" in words else [""]
    statuses = [each.value for each in Phase] if "status" in words else [""]
    branchless = Template(template.source, _Longest(full, ranked).visit(tree))
    counts = range(len(ranked), 0, -1) if "services" in words else [len(ranked)]
    presences = (full, {}) if full else ({},)
    for count, labels, severity, status in product(counts, presences, severities, statuses):
        yield branchless.render(labels=labels, services=ranked[:count], severity=severity, status=status)


class _Longest(NodeTransformer):
    """Replaces each decision that depends on a label by its longest outcome."""

    def __init__(self, labels: Mapping[str, str], services: Sequence[str]) -> None:
        self._labels = labels
        self._services = services
        self._loop: nodes.For | None = None

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor names it
        self._loop = node
        self.generic_visit(node)
        self._loop = None
        return node

    def visit_If(self, node: nodes.If) -> nodes.Node | list[nodes.Node]:  # noqa: N802 - Jinja's visitor names it
        choices = [node, *node.elif_]
        for choice in choices:
            choice.body = self._visit_all(choice.body)
        node.else_ = self._visit_all(node.else_)
        if not any(labels_read(choice.test) for choice in choices):
            return node
        return max((*(choice.body for choice in choices), node.else_), key=self._length)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802 - Jinja's visitor names it
        self.generic_visit(node)
        if not labels_read(node.test):
            return node
        outcomes = (node.expr1, node.expr2 or nodes.Const(""))
        return max(outcomes, key=lambda outcome: self._length([nodes.Output([outcome], lineno=node.lineno)]))

    def _visit_all(self, body: list[nodes.Node]) -> list[nodes.Node]:
        whole = nodes.Template(body, lineno=1)
        self.generic_visit(whole)
        return whole.body

    def _length(self, body: list[nodes.Node]) -> int:
        if self._loop is not None:  # the branch may read the loop's variable
            everything, unfiltered, recursive = nodes.Name("services", "load"), None, False
            loop = nodes.For(self._loop.target, everything, body, [], unfiltered, recursive, lineno=self._loop.lineno)
            body = [loop]
        text = Template("", nodes.Template(body, lineno=1))
        return len(text.render(labels=self._labels, services=self._services, severity="", status=""))
