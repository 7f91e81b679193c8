"""The body of a request to act: which fields there are, for which verb, and what they may be. Pure."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from bridge.core.actions import SAID_AS, Action, said
from bridge.messages import one_of
from bridge.model import Phase
from bridge.orders import Verb
from bridge.web.json_body import REASON_CHARS, decode, duration_of, expected, key_of, wrong
from bridge.web.responses import HTTPError

LONGEST_MS: Final = 30 * 86_400_000
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
    asked = decode(body, _Body)
    verb = _verb(asked.action)
    given = {name: value for name, value in msgspec.to_builtins(asked).items() if value is not None}
    for name, verbs in _ONLY_OF.items():
        if name in given and verb not in verbs:
            raise wrong(name, f"{_listed(verbs)} has this field, {verb} has not")
    for name, verbs in _NEEDED.items():
        if verb in verbs and not str(given.get(name, "")).strip():
            raise wrong(name, f"{verb} needs it")
    return Action(
        verb=verb,
        by=operator,
        reason=(asked.reason or "").strip(),
        revision=asked.revision,
        key=key_of(asked.key),
        for_ms=duration_of(asked.for_, LONGEST_MS),
        alert=(asked.alert or "").strip(),
        text=_public(asked.text),
        status=_status(asked.status),
        quiet=bool(asked.quiet),
        notify=bool(asked.notify),
    )


def _verb(name: str) -> Verb:
    try:
        return Verb(name)
    except ValueError:
        raise HTTPError(400, "wrong_field", expected("$.action", name, list(Verb))) from None


def _listed(verbs: tuple[Verb, ...]) -> str:
    return " and ".join(verbs)


def _public(text: str | None) -> str:
    if text is None:
        return ""
    tidy = said(text)
    if not tidy:
        raise wrong("text", "nothing of it may be published: expected words")
    return tidy


def _status(text: str | None) -> Phase | None:
    if text is None:
        return None
    if text.upper() not in SAID_AS:
        raise wrong("status", f"expected {one_of([*SAID_AS])}")
    return Phase(text.upper())
