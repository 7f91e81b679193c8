"""Checkly's error object, and how an exception becomes one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request


def envelope(status: int, message: str | None = None) -> dict[str, Any]:
    """Checkly's error object; ``message`` defaults to the reason phrase."""
    reason = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    return {"statusCode": status, "error": reason, "message": message or reason}


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer an ``HTTPException`` with the error object; Checkly knows no 405, an unknown route is a 404."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return JSONResponse(envelope(404), 404)
    return JSONResponse(envelope(error.status_code, error.detail), error.status_code, error.headers)
