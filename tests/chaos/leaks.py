"""What must not get out, and where it would be seen: the log, the metrics, answers, the page. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from bridge.telemetry import Event

_EVENTS = frozenset(event.event for event in Event)
_DEFECTS = frozenset({Event.DELIVERY_FAILED.event, Event.RECONCILE_FAILED.event, Event.LEASE_LOST.event})
_REFERENCE = re.compile(r"\n\nReference: [0-9A-Z]{10}\Z")
# A person's sentences may keep their punctuation: a colon before a space, a dot before a space or a digit.
_MARKUP = re.compile(r"[<>\[\]{}`*_~#@|\\&=^]|//|\n|[.。][^\W\d_]|[^\W\d]:\S|\d(\.\d+){3}[:/]\w|^[-+.\s]|\s$")


def unsound_lines(log: str) -> Iterator[str]:
    """Lines that are no registered event, tell of a defect, or carry a traceback."""
    for text in log.splitlines():
        try:
            line: Mapping[str, Any] = json.loads(text)
        except ValueError:
            yield f"the log has a line that is no JSON: {text[:200]}"
            continue
        if line.get("event") not in _EVENTS:
            yield f"the log has an event that is not registered: {line.get('event')}"
        if line.get("event") in _DEFECTS or "exception" in line:
            yield f"the log tells of a defect: {text[:1_000]}"


def spoken(words: Iterable[str], texts: Mapping[str, str]) -> Iterator[str]:
    """Which of the words stand in which of the texts."""
    for where, text in texts.items():
        for word in words:
            if word.lower() in text.lower():
                yield f"{word!r} stands in {where}"


def unsafe(texts: Iterable[str]) -> Iterator[str]:
    """Published texts of which markup, a link or an address could form, or that hold what cannot be seen."""
    for text in texts:
        words = _REFERENCE.sub("", text)
        if found := _MARKUP.search(words):
            yield f"published is {words[:200]!r}, with {found[0]!r}"
        if not words.isprintable():
            yield f"published is {words[:200]!r}, not all of which can be seen"


class Markup(HTMLParser):
    """The tags and attributes of a page, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {
            tag,
            *(f"{tag}[{name}{'=' + str(value) if name in _ADDRESSES else ''}]" for name, value in attrs),
        }


_ADDRESSES = frozenset({"href", "src", "action", "style"})
