"""Asking a running bridge, as the commands do that show what it has in hand, or act on it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlencode

import httpx
from cyclopts import Parameter

from bridge.cli.errors import USAGE, CommandError
from bridge.cli.inputs import read_settings
from bridge.config.network import NetworkError, is_http_url
from bridge.messages import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.config.environment import Secret, Settings

Url = Annotated[str, Parameter(env_var="BRIDGE_URL", help="The running bridge's address.")]
DEFAULT_URL = "http://127.0.0.1:8080"
PAUSES_S: Final = (0.5, 1.0, 2.0)
"""Between the attempts to bring an action: a restart takes no longer."""


def incident_path(id_: str) -> str:
    """Where an incident of that id is, whatever was typed as one."""
    return f"/api/incidents/{quote(id_.strip(), safe='', errors='replace')}"


def query(path: str, asked: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> str:
    """A path with parameters; what a terminal sent that is no text is sent as a question mark."""
    return f"{path}?{urlencode(asked, errors='replace')}"


class NotThere(CommandError):
    """The bridge has nothing of that name."""


class NoAnswer(CommandError):
    """Nobody knows whether the bridge has heard of it."""


def get(url: str, path: str) -> Any:
    """What a running bridge answers. Raises CommandError when it does not, or not with what was asked for.

    NotThere when it has nothing there.
    """
    settings = read_settings()
    if settings.operator_tokens:
        authorization = _bearer(settings.operator_tokens[0].secret)
    elif settings.admin_tokens:
        authorization = _authorization(settings.admin_tokens[0].reveal())
    else:
        raise CommandError("Set ADMIN_TOKENS or OPERATOR_TOKENS (or …_FILE) to the running bridge's.", USAGE)
    return _found(url, _request(settings, url, "GET", path, authorization))


def post(url: str, path: str, body: Mapping[str, Any], *, sleep: Callable[[float], object] = time.sleep) -> Any:
    """What a running bridge answers to a body that it may get twice. Raises CommandError as ``get`` does.

    It is sent again where nobody answers, or the bridge cannot yet; NoAnswer when that was in vain.
    """
    settings = read_settings()
    if not settings.operator_tokens:
        hint = "; ADMIN_TOKENS may only read" if settings.admin_tokens else ""
        needed = "Set OPERATOR_TOKENS (or OPERATOR_TOKENS_FILE) to name:secret, one of the running bridge's"
        raise CommandError(f"{needed}{hint}.", USAGE)
    authorization = _bearer(settings.operator_tokens[0].secret)
    for pause_s in (*PAUSES_S, None):
        try:
            answer = _request(settings, url, "POST", path, authorization, body)
        except NoAnswer:
            if pause_s is None:
                raise
        else:
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause_s is None:
                break
        sleep(pause_s)
    return _found(url, answer)


def _found(url: str, answer: httpx.Response) -> Any:
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if found is None:
        kinds: dict[int, type[CommandError]] = {404: NotThere, 503: NoAnswer}
        kind = kinds.get(answer.status_code, CommandError)
        raise kind(f"The bridge at {_base(url)} answers {answer.status_code}: {_message(answer)}")
    return found


def _base(url: str) -> str:
    return url.strip().rstrip("/")


def _request(
    settings: Settings,
    url: str,
    method: str,
    path: str,
    authorization: str,
    body: Mapping[str, Any] | None = None,
) -> httpx.Response:
    url = _base(url)
    if not is_http_url(url):
        raise CommandError(f"BRIDGE_URL or --url must look like {DEFAULT_URL}", USAGE)
    try:
        options = settings.network.options(url)
    except NetworkError as error:
        raise CommandError(str(error), USAGE) from error
    headers = {"Authorization": authorization}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    try:
        return httpx.request(method, url + path, headers=headers, content=content, **options)
    except httpx.TransportError as error:
        proxy = settings.network.proxy_name(url)
        way = f" through the proxy of {proxy}" if proxy else ""
        reason = str(error).rstrip(".") or type(error).__name__
        raise NoAnswer(f"No bridge answers at {url}{way}: {reason}. Set BRIDGE_URL or --url.") from error


def _bearer(secret: Secret) -> str:
    return f"Bearer {secret.reveal()}"


def _authorization(token: str) -> str:
    if ":" in token:
        return f"Basic {base64.b64encode(token.encode()).decode()}"
    return f"Bearer {token}"


def _message(answer: httpx.Response) -> str:
    try:
        return printable(str(answer.json()["message"]))
    except (ValueError, KeyError, TypeError):
        return printable(answer.reason_phrase)
