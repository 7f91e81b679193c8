"""The public texts of an incident: what each is for, what it may say, and how long it can get."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from msgspec import Struct

from bridge.texts.length import renderings
from bridge.texts.lint import LintProblem, lint
from bridge.texts.sanitize import sanitize_values, shorten
from bridge.texts.template import MAX_CHARS, Template

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bridge.model import Phase, Severity

NAME_CHARS = 255


class TextKind(StrEnum):
    """The occasions for a text: the incident's name, and one per status.

    ``update`` is for when it got worse or grew, ``flapping`` for when it comes and goes, ``duplicate`` for when it is
    on the page twice.
    """

    NAME = "name"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    UPDATE = "update"
    FLAPPING = "flapping"
    DUPLICATE = "duplicate"


_WHAT = "{% if services | length > 4 %}multiple services{% else %}{{ services }}{% endif %}"
DEFAULTS = {
    TextKind.NAME: "Issue affecting {% if services | length > 1 %}multiple services{% else %}{{ services }}{% endif %}",
    TextKind.INVESTIGATING: f"We are investigating an issue affecting {_WHAT}. "
    "We will share more information as soon as we have it.",
    TextKind.IDENTIFIED: f"We have identified an issue affecting {_WHAT}, and our team is working to resolve it.",
    TextKind.MONITORING: f"The issue affecting {_WHAT} appears to be over. We are monitoring the recovery.",
    TextKind.RESOLVED: f"The issue affecting {_WHAT} has been resolved.",
    TextKind.UPDATE: f"We are still working on an issue affecting {_WHAT}. "
    "Its current severity is {{ severity | lower }}.",
    TextKind.FLAPPING: f"An issue affecting {_WHAT} comes and goes. "
    "We are investigating it, and will report its end once it has stayed away for some time.",
    TextKind.DUPLICATE: "This report duplicates another one about the same issue and is closed in favor of it.",
}


class Texts(Struct, frozen=True):
    """One text of each kind."""

    templates: Mapping[TextKind, Template]

    def render(
        self,
        kind: TextKind,
        *,
        labels: Mapping[str, tuple[str, ...]],
        services: Sequence[str],
        severity: Severity,
        status: Phase,
    ) -> str:
        """A text to publish: never empty, a name on one line of at most 255 characters, another text of at most 2,000.

        ``labels`` maps public labels to their values, which come out harmless whatever they hold; ``services`` are
        display names. A text that comes out empty or fails gives way to the default one: silence helps nobody.
        """
        values: dict[str, Any] = {
            "labels": {name: sanitize_values(labels.get(name, ())) for name in self.templates[kind].labels},
            "services": services, "severity": severity.name, "status": status.value,
        }  # fmt: skip
        try:
            text = _tidy(kind, self.templates[kind].render(**values))
            text.encode()
        except Exception:  # noqa: BLE001 - a comparison, say, in a branch that the checks at load time did not reach
            text = ""
        text = text or _tidy(kind, DEFAULT_TEXTS.templates[kind].render(**values))
        return shorten(text, NAME_CHARS if kind is TextKind.NAME else MAX_CHARS)

    def override(self, templates: Mapping[TextKind, Template]) -> Texts:
        """These texts with some replaced."""
        return Texts({**self.templates, **templates})


DEFAULT_TEXTS = Texts({kind: Template(source) for kind, source in DEFAULTS.items()})


def compile_text(source: str, public_labels: Collection[str]) -> Template | list[LintProblem]:
    """A text ready for use, or its mistakes."""
    found = lint(source, public_labels)
    if found:
        return found
    template = Template(source)
    try:
        empty = False
        for text in renderings(template, services=["Service", "Another"]):
            text.encode()
            empty = empty or not text.strip()
    except (TemplateError, TypeError, UnicodeEncodeError) as error:
        return [LintProblem(1, f"the text cannot be rendered: {error}")]
    if empty:
        message = "the text can come out empty, for instance when the labels it reads are absent"
        return [LintProblem(1, message, "some words that are always there")]
    return template


def _tidy(kind: TextKind, text: str) -> str:
    return " ".join(text.split()) if kind is TextKind.NAME else text.strip()
