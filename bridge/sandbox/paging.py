"""Lists that are read part by part, by a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct, field
from starlette.responses import JSONResponse, Response

from bridge.sandbox.reading import convert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

Entry = TypeVar("Entry")


class Paging(Struct, forbid_unknown_fields=True):
    """The query of a list. ``cursor`` is opaque to clients: it is the number of entries to pass over."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[int, Meta(ge=0)] = field(name="nextId", default=0)
    paginated: Literal["true"] = "true"


def listing(request: Request, entries: Sequence[Entry], to_json: Callable[[Entry], Any]) -> Response:
    """The part of ``entries`` that the request asks for, each as ``to_json`` has it, and the cursor of the next part.

    The cursor counts entries, so a list that changes between two calls repeats or loses some: Checkly's may too.
    """
    paging = convert(dict(request.query_params), Paging)
    end = paging.cursor + paging.limit
    found = [to_json(entry) for entry in entries[paging.cursor : end]]
    return JSONResponse(
        {"length": len(found), "entries": found, "nextId": str(end) if end < len(entries) else None},
    )
