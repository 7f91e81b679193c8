"""What a page showed of our incident, and what somebody else has set of it: frozen data.

Of each field that was set: what they set it ``to``, and what it ``was`` that we wanted there when they did.
"""

from __future__ import annotations

from msgspec import Struct

from bridge.phase import Phase
from bridge.severity import Impact, Severity


class Observed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the page showed of a post ``at`` that time; ``drift``: in which fields the bridge had set it otherwise."""

    at: int
    status: Phase
    severity: Severity | None = None
    impacts: dict[str, Impact] = {}  # of the post's services
    drift: tuple[str, ...] = ()  # see core/observation.py


class StatusEdit(Struct, frozen=True, array_like=True):
    """A status that somebody set."""

    to: Phase
    was: Phase


class SeverityEdit(Struct, frozen=True, array_like=True):
    """A severity that somebody set."""

    to: Severity
    was: Severity


class ImpactEdit(Struct, frozen=True, array_like=True):
    """An impact that somebody set on the components of a service."""

    to: Impact
    was: Impact


class Edits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields that somebody set; ``removed`` are the services, by the page's own ids, that they took off."""

    status: StatusEdit | None = None
    severity: SeverityEdit | None = None
    impacts: dict[str, ImpactEdit] = {}
    removed: tuple[str, ...] = ()
