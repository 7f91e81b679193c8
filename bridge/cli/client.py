"""Asking a running bridge, as the commands do that show what it has in hand."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

import httpx
from cyclopts import Parameter

from bridge.cli.errors import USAGE, CommandError
from bridge.cli.inputs import read_settings
from bridge.config.network import NetworkError, is_http_url
from bridge.messages import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.config.environment import Settings

Url = Annotated[str, Parameter(env_var="BRIDGE_URL", help="The running bridge's address.")]
DEFAULT_URL = "http://127.0.0.1:8080"


def incident_path(id_: str) -> str:
    """Where an incident of that id is, whatever was typed as one."""
    return f"/api/incidents/{quote(id_.strip(), safe='', errors='replace')}"


def query(path: str, asked: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> str:
    """A path with parameters; what a terminal sent that is no text is sent as a question mark."""
    return f"{path}?{urlencode(asked, errors='replace')}"


class NotThere(CommandError):
    """The bridge has nothing of that name."""


def get(url: str, path: str) -> Any:
    """What a running bridge answers. Raises CommandError when it does not, or not with what was asked for.

    NotThere when it has nothing there.
    """
    settings, url = read_settings(), url.strip().rstrip("/")
    if not settings.admin_tokens:
        raise CommandError("Set ADMIN_TOKENS (or ADMIN_TOKENS_FILE) to the running bridge's.", USAGE)
    if not is_http_url(url):
        raise CommandError(f"BRIDGE_URL or --url must look like {DEFAULT_URL}", USAGE)
    headers = {"Authorization": _authorization(settings.admin_tokens[0].reveal())}
    answer = _request(settings, url, path, headers)
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if found is None:
        kind = NotThere if answer.status_code == httpx.codes.NOT_FOUND else CommandError
        raise kind(f"The bridge at {url} answers {answer.status_code}: {_message(answer)}")
    return found


def _request(settings: Settings, url: str, path: str, headers: dict[str, str]) -> httpx.Response:
    try:
        options = settings.network.options(url)
    except NetworkError as error:
        raise CommandError(str(error), USAGE) from error
    try:
        return httpx.get(url + path, headers=headers, **options)
    except httpx.TransportError as error:
        proxy = settings.network.proxy_name(url)
        way = f" through the proxy of {proxy}" if proxy else ""
        reason = str(error).rstrip(".") or type(error).__name__
        raise CommandError(f"No bridge answers at {url}{way}: {reason}. Set BRIDGE_URL or --url.") from error


def _authorization(token: str) -> str:
    if ":" in token:
        return f"Basic {base64.b64encode(token.encode()).decode()}"
    return f"Bearer {token}"


def _message(answer: httpx.Response) -> str:
    try:
        return printable(str(answer.json()["message"]))
    except (ValueError, KeyError, TypeError):
        return printable(answer.reason_phrase)
