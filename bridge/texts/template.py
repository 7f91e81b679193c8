"""The language of public texts: Jinja cut down to what is safe to publish.

A text may read ``labels.<public label>``, ``services``, ``severity`` and ``status``, decide with ``if``, loop over
``services`` and use the filters below. ``lint`` refuses everything else, so rendering always ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import StrictUndefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

WORDS = ("labels", "services", "severity", "status")
MAX_CHARS = 2000


def _text(value: Any) -> str:
    return _sentence(value) if isinstance(value, list) else str(value)


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [str(value)]


def _sentence(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _join(value: Any, separator: Any = ", ") -> str:
    return str(separator).join(_list(value))[:MAX_CHARS]


def _replace(value: Any, old: Any, new: Any) -> str:
    return _text(value).replace(str(old), str(new))[:MAX_CHARS]


class Filter(NamedTuple):
    """A filter and how many arguments it takes. Filters never fail and never grow a text past 2,000 characters."""

    apply: Callable[..., Any]
    at_least: int = 0
    at_most: int = 0


FILTERS = {
    "capitalize": Filter(lambda value: _text(value).capitalize()),
    "default": Filter(lambda value, fallback: value or fallback, 1, 1),
    "first": Filter(lambda value: next(iter(_list(value)), "")),
    "join": Filter(_join, 0, 1),
    "last": Filter(lambda value: next(reversed(_list(value)), "")),
    "length": Filter(lambda value: len(value) if isinstance(value, list) else len(_text(value))),
    "lower": Filter(lambda value: _text(value).lower()),
    "replace": Filter(_replace, 2, 2),
    "sort": Filter(lambda value: sorted(_list(value), key=str.casefold)),
    "title": Filter(lambda value: _text(value).title()),
    "unique": Filter(lambda value: list(dict.fromkeys(_list(value)))),
    "upper": Filter(lambda value: _text(value).upper()),
}


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _sentence(value) if isinstance(value, list) else value,
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = {name: each.apply for name, each in FILTERS.items()}
    return environment


_ENVIRONMENT = _environment()


class Template:
    """A text that passed ``lint``, ready to be rendered. ``labels`` are the public labels that it reads."""

    def __init__(self, source: str, tree: nodes.Template | None = None) -> None:
        self.source = source
        tree = tree or parse(source)
        self.labels = frozenset(labels_read(tree))
        tree = _LabelsAsItems().visit(tree)
        # Jinja compiles a tree as well as a text, but its annotations forget the first.
        self._compiled = _ENVIRONMENT.from_string(tree.set_environment(_ENVIRONMENT))  # type: ignore[arg-type]

    def render(self, *, labels: Mapping[str, str], services: Iterable[str], severity: str, status: str) -> str:
        """The text; labels not given are empty, and of equal ``services`` the first alone counts.

        Raises TypeError where it compares what cannot be compared.
        """
        return self._compiled.render(
            labels={name: labels.get(name, "") for name in self.labels},
            services=list(dict.fromkeys(services)),
            severity=severity,
            status=status,
        )


def parse(source: str) -> nodes.Template:
    """The syntax tree of a text. Raises jinja2.TemplateSyntaxError."""
    return _ENVIRONMENT.parse(source)


def label_of(node: nodes.Node) -> str | None:
    """The label that this expression is (``labels.region``, ``labels["region"]``); None for any other expression."""
    match node:
        case nodes.Getattr(node=nodes.Name(name="labels"), attr=str(name)):
            return name
        case nodes.Getitem(node=nodes.Name(name="labels"), arg=nodes.Const(value=str(name))):
            return name
    return None


def labels_read(node: nodes.Node) -> set[str]:
    """The labels that an expression, or a whole text, reads."""
    return {name for part in (node, *node.find_all((nodes.Getattr, nodes.Getitem))) if (name := label_of(part))}


class _LabelsAsItems(NodeTransformer):
    """Reads labels as items: as an attribute, a label called ``items`` would be the mapping's method."""

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 - Jinja's visitor names it
        return nodes.Getitem(node.node, nodes.Const(node.attr), "load", lineno=node.lineno)
