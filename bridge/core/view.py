"""What a decision is made on: an incident as of now, and the view that one page is to give of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from bridge.core.flapping import CALM, Flapping
from bridge.model import Phase, Policy, Progress, Severity, Summary
from bridge.orders import Orders

PagesOf: TypeAlias = Mapping[str, Sequence[str]]
"""Which pages show a service, by the service's name."""


class At(Struct, frozen=True, order=True):
    """Nothing is to be done before this instant."""

    instant: int


class Case(Struct, frozen=True, kw_only=True):
    """An incident to be decided on, with all that the rules of its life depend on."""

    progress: Progress
    summary: Summary
    policy: Policy
    now: int
    today: int  # the latest date that may be published: `now`, unless the store's clock is ahead of others
    pages_of: PagesOf
    retention_ms: int
    episode: int = 1
    withheld: Mapping[str, int] = {}  # the pages for which the gate has just withheld it, and until when (0: unknown)
    orders: Orders = Orders()  # those in force
    flapping: Flapping = CALM

    def publish_at(self, since: int) -> int:
        """When what fires since then is to be published."""
        return since if self.orders.publish is not None else self.old_enough_at(since)

    def old_enough_at(self, since: int) -> int:
        """When what fires since then has fired for ``publish_after``, blips before it included where they count."""
        blips_ms = self.flapping.blips_ms if since == self.summary.firing_since else 0
        return since + max(0, self.policy.publish_after_ms - blips_ms)

    @property
    def quiet_ms(self) -> int:
        """How long nothing must fire until it is over."""
        return max(self.policy.resolve_after_ms, self.flapping.settle_ms)

    @property
    def configured(self) -> set[str]:
        """The names of all pages."""
        return {page for pages in self.pages_of.values() for page in pages}


class View(Struct, frozen=True, kw_only=True):
    """What one page is to show of an incident, and when."""

    phase: Phase  # the page's own: see `page_phase`
    severities: Mapping[str, Severity]  # of the services that fire and that the page shows
    summary: Summary
    policy: Policy
    now: int
    today: int
    elsewhere_at: int = 0  # since when another page shows the outage; 0: none does, or that is not known
    ended_at: int = 0  # when an operator ended it that fires; 0: nobody did
    shows_impacts: bool = False  # an impact for each component, rather than one severity
    flapping: Flapping = CALM

    @property
    def fires(self) -> bool:
        """Whether something fires that the page shows."""
        return bool(self.severities)


def sooner(one: At | None, other: At | None) -> At | None:
    """The first of two instants at which something is to be done."""
    return min((at for at in (one, other) if at is not None), default=None)
