"""The port to a status page: what the reconciler needs of one, whichever generation of Checkly's API serves it.

Adapters: ``v1`` (services and severity) and ``v3`` (a page's components, each with an impact). Every method raises a
``checkly.errors.ChecklyError`` subclass, whose class tells what may have happened on the other side; none of them
repeats a write that may have happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Struct

from bridge.model import Impact, Phase, Severity

if TYPE_CHECKING:
    from bridge.model import Intent

Guard: TypeAlias = Callable[[], bool]
"""Asked at the last moment before a request leaves; False (the lease is lost) raises NotSent instead of sending."""


class RemoteUpdate(Struct, frozen=True, kw_only=True):
    """One incident update as the page has it.

    ``id`` is empty where the page did not tell it, ``status`` None where it is not one of the four we know.
    ``public_at`` may have lost its milliseconds.
    """

    id: str
    status: Phase | None
    text: str
    public_at: int
    created_at: int


class RemoteIncident(Struct, frozen=True, kw_only=True):
    """An incident as the page has it; ``services`` are the page's own ids, ``updates`` newest first.

    ``concerns`` are the configured services that it is about; ``impacts`` is what it does to every configured service,
    and ``components`` what it does to the page's components, by their ids (both empty in v1). A list may leave out the
    updates: it ``is_whole`` if these are known. ``version`` changes when the incident does; empty: nobody knows.
    """

    id: str
    name: str
    status: Phase
    severity: Severity | None
    services: tuple[str, ...]
    created_at: int
    updates: tuple[RemoteUpdate, ...] = ()
    concerns: frozenset[str] = frozenset()
    impacts: dict[str, Impact] = {}
    components: dict[str, Impact] = {}
    is_whole: bool = True
    version: str = ""


class StatusPage(Protocol):
    """One place where an incident is published."""

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        """Create the incident that ``intent`` describes. Not idempotent."""
        ...

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        """The incident with its updates; raises Gone when it does not exist."""
        ...

    async def change(self, current: RemoteIncident, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        """Set the intent's severity or impacts and add its services; all else that is in ``current`` stays."""
        ...

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        """Append an incident update. Not idempotent."""
        ...

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        """All incidents that are not resolved, de-duplicated, whoever made them; reads the whole list."""
        ...
