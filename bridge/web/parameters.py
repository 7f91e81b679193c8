"""The parameters in a request's address: which there are, and what they may be. Raises HTTPError for any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.web.responses import HTTPError

if TYPE_CHECKING:
    from starlette.requests import Request


def parameters(request: Request, known: Sequence[str]) -> dict[str, str]:
    """Those that were given, by name; of one that is repeated, the last."""
    if any(name not in known for name in request.query_params):
        names = ", ".join(known) or "none"
        raise HTTPError(400, "unknown_parameter", f"a parameter is unknown here; expected: {names}")
    return dict(request.query_params.items())


def number(name: str, text: str | None, *, default: int, least: int, most: int) -> int:
    """A whole number, within bounds."""
    if text is None:
        return default
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
    if not least <= found <= most:
        raise HTTPError(400, "wrong_parameter", f"{name}: expected a whole number from {least} to {most}")
    return found
