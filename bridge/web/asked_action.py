"""The body of a request to act: which fields there are, for which verb, and what they may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from bridge.config.units import duration_ms
from bridge.core.actions import SAID_AS, Action, said
from bridge.messages import did_you_mean, one_of
from bridge.model import Phase
from bridge.orders import Verb
from bridge.web.responses import HTTPError

REASON_CHARS: Final = 500
LONGEST_MS: Final = 30 * 86_400_000
_SHORTEST_MS: Final = 1_000
_KEY: Final = re.compile(r"[!-~]{1,100}")
_ALERT_CHARS: Final = 300


class _Body(Struct, frozen=True, kw_only=True):
    action: str
    reason: Annotated[str, Meta(max_length=REASON_CHARS)] | None = None
    for_: str | None = field(default=None, name="for")
    revision: Annotated[int, Meta(ge=0, lt=1 << 53)] | None = None
    alert: Annotated[str, Meta(min_length=1, max_length=_ALERT_CHARS)] | None = None
    text: str | None = None
    status: str | None = None
    quiet: bool | None = None
    notify: bool | None = None
    key: str | None = None


_FIELDS: Final = _Body.__struct_encode_fields__
_ONLY_OF: Final[dict[str, tuple[Verb, ...]]] = {
    "for": (Verb.HOLD, Verb.MUTE),
    "alert": (Verb.MUTE, Verb.UNMUTE),
    "text": (Verb.SAY,),
    "status": (Verb.SAY,),
    "quiet": (Verb.PUBLISH,),
    "notify": (Verb.SAY,),
}
_NEEDED: Final[dict[str, tuple[Verb, ...]]] = {
    "reason": (Verb.DISMISS,),
    "alert": (Verb.MUTE, Verb.UNMUTE),
    "text": (Verb.SAY,),
}


def read(body: bytes, operator: str) -> Action:
    """The action that a body asks for. Raises HTTPError, whose message names the wrong field and none of its values."""
    asked = _decode(body)
    verb = _verb(asked.action)
    given = {name: value for name, value in msgspec.to_builtins(asked).items() if value is not None}
    for name, verbs in _ONLY_OF.items():
        if name in given and verb not in verbs:
            raise _wrong(name, f"{_listed(verbs)} has this field, {verb} has not")
    for name, verbs in _NEEDED.items():
        if verb in verbs and not str(given.get(name, "")).strip():
            raise _wrong(name, f"{verb} needs it")
    return Action(
        verb=verb,
        by=operator,
        reason=(asked.reason or "").strip(),
        revision=asked.revision,
        key=_key(asked.key),
        for_ms=_duration(asked.for_),
        alert=(asked.alert or "").strip(),
        text=_public(asked.text),
        status=_status(asked.status),
        quiet=bool(asked.quiet),
        notify=bool(asked.notify),
    )


def _decode(body: bytes) -> _Body:
    try:
        found: Any = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise HTTPError(400, "not_understood", "expected a JSON object") from None
    if not isinstance(found, dict):
        raise HTTPError(400, "not_understood", "$: expected a JSON object")
    for name in found:
        if name not in _FIELDS:
            raise HTTPError(400, "wrong_field", _expected("$: a field is unknown here", name, _FIELDS))
    try:
        return msgspec.convert(found, _Body)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = path.strip("`") or "$"
        raise HTTPError(400, "wrong_field", f"{where}: {what[:1].lower()}{what[1:]}") from None


def _verb(name: str) -> Verb:
    try:
        return Verb(name)
    except ValueError:
        raise HTTPError(400, "wrong_field", _expected("$.action", name, list(Verb))) from None


def _expected(what: str, given: str, valid: Collection[str]) -> str:
    hint = did_you_mean(given, valid)
    return f"{what}: expected {one_of(valid)}{f'; {hint}' if hint else ''}"


def _wrong(name: str, what: str) -> HTTPError:
    return HTTPError(400, "wrong_field", f"$.{name}: {what}")


def _listed(verbs: tuple[Verb, ...]) -> str:
    return " and ".join(verbs)


def _key(text: str | None) -> str:
    if text is not None and not _KEY.fullmatch(text):
        raise _wrong("key", "expected 1 to 100 printable ASCII characters without spaces")
    return text or ""


def _duration(text: str | None) -> int | None:
    if text is None:
        return None
    found = duration_ms(text)
    if found is None or not _SHORTEST_MS <= found <= LONGEST_MS:
        raise _wrong("for", "expected a duration such as 30m or 2h, from 1s to 30d")
    return found


def _public(text: str | None) -> str:
    if text is None:
        return ""
    tidy = said(text)
    if not tidy:
        raise _wrong("text", "nothing of it may be published: expected words")
    return tidy


def _status(text: str | None) -> Phase | None:
    if text is None:
        return None
    if text.upper() not in SAID_AS:
        raise _wrong("status", f"expected {one_of([*SAID_AS])}")
    return Phase(text.upper())
