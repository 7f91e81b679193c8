"""What stands on a status page, as it was read: pure data, whichever generation of the API told it."""

from __future__ import annotations

from msgspec import Struct

from bridge.model import Impact, Phase, Severity


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
    updates: it ``is_whole`` if these are known. ``peers`` are, of services with a component in common, the
    others. ``version`` changes when the incident does; empty: nobody knows.
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
    peers: dict[str, frozenset[str]] = {}
    is_whole: bool = True
    version: str = ""
