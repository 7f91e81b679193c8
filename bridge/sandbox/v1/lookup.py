"""Reading what a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

Thing = TypeVar("Thing")


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
