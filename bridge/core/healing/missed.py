"""Alerts that a peer holds for our receiver and that never arrived here. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class InGroup(Struct, frozen=True, kw_only=True):
    """An alert in one of a peer's groups for our receiver. ``is_active``: nobody silences, inhibits or mutes it.

    ``starts_at`` is in ms, ``started`` the same as it was sent.
    """

    fingerprint: str
    starts_at: int
    started: str
    is_active: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}
    generator_url: str = ""
