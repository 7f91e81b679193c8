"""What operators are told of an alert beyond its fingerprint: its name, some labels, a link to its sender's page.

Nobody sees it without an administrator's token, and nothing of it is ever published.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from bridge.core.routing import labels_read
from bridge.model import SENDER_LABEL, SOURCE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.config.schema import Config

NAME_LABEL: Final = "alertname"
MOST_NAME_BYTES: Final = 128
MOST_LABEL_BYTES: Final = 512  # of all of them as a JSON object
_CUT: Final = "…"
_LOOKED_AT: Final = 2 * MOST_NAME_BYTES  # characters
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MATCHER_NAME: Final = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_encoded = msgspec.json.Encoder().encode


class Told(Struct, frozen=True, array_like=True):
    """What the store keeps with an alert for operators, as a JSON array: its name is the first element.

    ``dropped`` is how many more labels there were no room for. ``base`` is the id of the address under which its
    sender's page stands, and ``tail`` what follows that; without one, the page is found by the labels.
    """

    name: str = ""
    labels: dict[str, str] = {}
    dropped: int = 0
    base: str = ""
    tail: str = ""


def labels_told(config: Config) -> tuple[str, ...] | None:
    """The names of the labels that are kept, those that matter most first; None where nothing is to be kept.

    Source and sender are known without them.
    """
    if config.operator_labels is None:
        return None
    names = (NAME_LABEL, *sorted(labels_read(config)), *config.operator_labels)
    return tuple(name for name in dict.fromkeys(names) if name not in {SOURCE_LABEL, SENDER_LABEL})


def told(name: str, labels: Mapping[str, str], base: str, tail: str) -> Told:
    """What is kept of an alert: as many of these labels as there is room for, in their order."""
    name = short_name(name)
    given = {label: value for label, value in labels.items() if value and not (label == NAME_LABEL and value == name)}
    kept = given if _fits(given) else _first_that_fit(given)
    return Told(name, kept, len(given) - len(kept), base, tail)


def _fits(labels: Mapping[str, str]) -> bool:
    most = sum(map(len, labels.values()))  # without a look at what is too long in any case
    return most <= MOST_LABEL_BYTES and len(_encoded(labels)) <= MOST_LABEL_BYTES


def _first_that_fit(labels: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for label, value in labels.items():
        if _fits(kept | {label: value}):
            kept[label] = value
    return kept


def link(kept: Told, bases: Mapping[str, str]) -> str | None:
    """The address of the alert on its sender's page; None if that is not known (any more)."""
    base = bases.get(kept.base)
    if base is None:
        return None
    if kept.tail:
        return f"{base}/{kept.tail}"
    found = {NAME_LABEL: kept.name} if kept.name and not kept.name.endswith(_CUT) else {}
    found |= {name: value for name, value in kept.labels.items() if not name.startswith("__")}
    matchers = [
        f'{name}="{value.translate(_ESCAPES)}"' for name, value in found.items() if _MATCHER_NAME.fullmatch(name)
    ]
    return f"{base}/#/alerts" + (f"?filter={quote('{' + ','.join(matchers) + '}', safe='')}" if matchers else "")


def short_name(name: str) -> str:
    """A name without controls and line breaks, cut where it is too long: then it ends with an ellipsis."""
    if len(name) <= MOST_NAME_BYTES and name.isascii() and name.isprintable():
        return name
    line = _CONTROLS.sub(" ", name[:_LOOKED_AT]).strip()
    encoded = line.encode()
    if len(encoded) <= MOST_NAME_BYTES and len(name) <= _LOOKED_AT:
        return line
    return encoded[: MOST_NAME_BYTES - len(_CUT.encode())].decode(errors="ignore").rstrip() + _CUT
