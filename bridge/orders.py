"""What people have said of an incident, and stands: the facts that operators' actions leave. Frozen data.

Instants are integer milliseconds of the store's time (names end in ``_at`` or are ``at`` and ``until``).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Verb(StrEnum):
    """What an operator can do to an incident: the same words in the API, the command line and the history."""

    HOLD = "hold"
    RELEASE = "release"
    PUBLISH = "publish"
    DISMISS = "dismiss"
    SAY = "say"
    RESOLVE = "resolve"
    MUTE = "mute"
    UNMUTE = "unmute"
    TAKE_OVER = "take-over"
    HAND_BACK = "hand-back"
    RETRY = "retry"


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action that stands: who gave it, when, why, and ``until`` when (0: until something else ends it)."""

    by: str
    at: int
    reason: str = ""
    until: int = 0
    quiet: bool = False  # of publish: no mail


class Orders(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that stands of one incident; ``mutes`` by the name of the alert that does not count."""

    hold: Order | None = None
    publish: Order | None = None
    dismiss: Order | None = None
    resolve: Order | None = None
    take_over: Order | None = None
    retry: Order | None = None
    mutes: dict[str, Order] = {}


NO_ORDERS = Orders()
