"""What an operator asks for: one action on one incident. Pure."""

from __future__ import annotations

from msgspec import Struct

from bridge.model import Phase
from bridge.orders import Verb

SAID_AS = (Phase.IDENTIFIED, Phase.MONITORING)
"""The statuses that an operator's update may show."""


class Action(Struct, frozen=True, kw_only=True):
    """What the operator ``by`` wants done, and why; each field beyond that is for the verbs that it names.

    ``revision`` is that of the incident as the operator saw it. Two actions with one ``key`` are one, which is carried
    out once. Nothing in it is checked here but by the store: `Store.act`.
    """

    verb: Verb
    by: str
    reason: str = ""
    revision: int | None = None
    key: str = ""
    for_ms: int | None = None  # hold, mute: for so long; None: until something else ends it
    alert: str = ""  # mute, unmute: the alert, by its name in the API (source/fingerprint, source@sender/fingerprint)
    text: str = ""  # say: the words for the public
    status: Phase | None = None  # say: one of SAID_AS; None: as it stands
    quiet: bool = False  # publish: without a mail
    notify: bool = False  # say: with a mail, if the budget allows
