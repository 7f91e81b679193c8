"""Reading a request: its body, its query, what its path names. Whatever is wrong with it is answered 400 or 404."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Moment = Annotated[datetime, Meta(tz=True)]
Body = TypeVar("Body")
Thing = TypeVar("Thing")


def decode(body: bytes, kind: type[Body]) -> Body:
    """Read a JSON body as ``kind``; answers 400 with the reason and the JSON path when it is not one."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:  # malformed JSON and, as its subclass, a wrong shape
        raise HTTPException(400, str(error)) from error


def convert(values: Any, kind: type[Body]) -> Body:
    """Read a query's strings as ``kind``; answers 400 with the reason when they are not one."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise HTTPException(400, str(error)) from error


def named(request: Request, parameter: str, find: Callable[[str], Thing | None]) -> Thing:
    """What the path parameter names.

    Raises:
        HTTPException: 400 when the parameter is no UUID, 404 when nothing has it.
    """
    value = request.path_params[parameter]
    try:
        found = find(str(UUID(value)))
    except ValueError as error:
        raise HTTPException(400, f"`{parameter}` must be a valid GUID") from error
    if found is None:
        raise HTTPException(404, f"There is no {parameter} with this id")
    return found


@contextmanager
def bad_request() -> Iterator[None]:
    """Answers 400 with the reason of the ``ValueError`` that is raised within."""
    try:
        yield
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
