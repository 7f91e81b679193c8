"""The addresses of senders' own pages, as far as an operator may be sent there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from bridge.model import Link

MOST_BASE_CHARS: Final = 512
MOST_TAIL_CHARS: Final = 128
_VISIBLE: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # of ASCII, without quotes, < > \ ^ ` { | }


def base_link(url: str) -> Link | None:
    """A link to what stands under an address, which many alerts share; None for one that is not to be followed."""
    base = _plain(url) if len(url) <= MOST_BASE_CHARS else ""
    return Link(base) if base else None


def page_link(url: str) -> Link | None:
    """A link to one page, whose last part alone is its own; None for an address that is not to be followed."""
    if len(url) > MOST_BASE_CHARS + MOST_TAIL_CHARS:
        return None
    plain = _plain(url)
    base, _, tail = plain.rpartition("/")
    return Link(base, tail) if _plain(base) == base != "" and 0 < len(tail) <= MOST_TAIL_CHARS else None


@lru_cache(maxsize=256)
def _plain(url: str) -> str:
    """An http or https address without query and fragment; empty for another, and for one with credentials."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    if not is_usable or "@" in parts.netloc or not _VISIBLE.fullmatch(url):
        return ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
