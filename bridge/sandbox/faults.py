"""Misbehavior on demand: what may go wrong with a call, and the queue from which each call takes at most one fault."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal

from msgspec import Meta, Struct

LONGEST_MS = 600_000
Milliseconds = Annotated[int, Meta(ge=0, le=LONGEST_MS)]


class Fault(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Which calls misbehave: the ``count`` calls (None: all) after the first ``skip`` that match method and path.

    ``path`` is a pattern: ``*`` stands for one segment, ``**`` for any number. ``commit`` tells whether the call
    takes effect before the fault applies.
    """

    method: str = "*"
    path: str = "**"
    skip: Annotated[int, Meta(ge=0)] = 0
    count: Annotated[int, Meta(ge=1)] | None = 1
    commit: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Whether a call of this method and path is meant."""
        return self.method in ("*", method) and _pattern(self.path).fullmatch(path) is not None


class Drop(Fault, tag="drop"):
    """Close the connection without an answer."""


class Delay(Fault, tag="delay"):
    """Wait for ``ms`` before going on."""

    ms: Milliseconds


class Hold(Fault, tag="hold"):
    """Wait until the test releases the call, or the client goes away."""


class Answer(Fault, tag="answer"):
    """Answer something else: ``status`` (None: the genuine one) with a body of the kind ``body``.

    ``envelope`` is Checkly's error object, ``string`` plain text, ``html`` a page as a proxy in front of the API
    sends it, ``unreadable`` the genuine body cut in half, ``empty`` none. ``retry_after`` is in seconds.
    """

    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    body: Literal["envelope", "string", "html", "unreadable", "empty"] = "envelope"
    retry_after: Annotated[int, Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        if self.status is None and not self.commit:
            raise ValueError("an `answer` without a `status` keeps the genuine one and so needs `commit: true`")


class Reorder(Fault, tag="reorder"):
    """Before the call, someone edits the incident that is last in the list, which moves to its front."""


AnyFault = Drop | Delay | Hold | Answer | Reorder


class Faults:
    """The faults still to come, oldest first."""

    def __init__(self) -> None:
        self.queue: list[AnyFault] = []

    def take(self, method: str, path: str) -> AnyFault | None:
        """The fault for this call, counted down: the first that matches and has no calls left to skip."""
        for fault in self.queue:
            if not fault.matches(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.count is not None:
                fault.count -= 1
                if not fault.count:
                    self.queue.remove(fault)
            return fault
        return None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*\*", ".*").replace(r"\*", "[^/]+"))
