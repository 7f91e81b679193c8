"""When an incident's alerts come and go so often that the public is told once: frozen data."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MOST_RETURNS: Final = 16
"""How many returns the store keeps: the last one, and 15 spans before it."""


class Span(Struct, frozen=True, order=True):
    """A time in which something fired without a break, on Redis' clock."""

    since: int
    until: int

    @property
    def ms(self) -> int:
        """How long that was."""
        return self.until - self.since


class Flap(Struct, frozen=True, kw_only=True):
    """When an incident flaps: it fires for the ``returns``-th time within ``within_ms``.

    It flaps until nothing, or something, has fired for ``settle_ms`` without a break. ``blips``: whether spans that are
    each shorter than ``publish_after`` are published once they add up to that.
    """

    returns: Annotated[
        int,
        Meta(
            ge=2,
            le=MOST_RETURNS,
            description="An incident whose alerts begin to fire for so many times within `within` flaps.",
        ),
    ] = 3
    within_ms: Annotated[int, Meta(ge=1, description="The time within which an incident begins to fire so often.")] = (
        3_600_000
    )
    settle_ms: Annotated[
        int, Meta(ge=1, description="How long nothing, or something, must fire without a break until it flaps no more.")
    ] = 900_000
    blips: Annotated[
        Literal["ignore", "publish"],
        Meta(
            description="What becomes of outages that are each shorter than publish_after: nothing, or they are "
            "published once those within `within` add up to publish_after."
        ),
    ] = "ignore"
