"""The port to a status page: what the reconciler needs of one, whichever generation of Checkly's API serves it.

Adapters: ``v1`` (services and severity) and ``v3`` (a page's components, each with an impact). Every method raises a
``checkly.errors.ChecklyError`` subclass, whose class tells what may have happened on the other side; none of them
repeats a write that may have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident, RemoteUpdate
    from bridge.model import Intent

Guard: TypeAlias = Callable[[], bool]
"""Asked at the last moment before a request leaves; False (the lease is lost) raises NotSent instead of sending."""


class StatusPage(Protocol):
    """One place where an incident is published."""

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        """Create the incident that ``intent`` describes. Not idempotent."""
        ...

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        """The incident with its updates; raises Gone when it does not exist."""
        ...

    async def change(
        self, current: RemoteIncident, intent: Intent, *, without: Collection[str] = (), guard: Guard | None = None
    ) -> RemoteIncident:
        """Set the intent's severity or impacts and add its services; all else that is in ``current`` stays.

        ``without`` are services, by the page's own ids, that are not added.
        """
        ...

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        """Append an incident update. Not idempotent."""
        ...

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        """All incidents that are not resolved, de-duplicated, whoever made them; reads the whole list."""
        ...

    async def listed(self, cursor: str = "", *, guard: Guard | None = None) -> tuple[list[RemoteIncident], str]:
        """A hundred incidents, resolved ones too, the latest first, and the cursor to the rest; empty at the end."""
        ...
