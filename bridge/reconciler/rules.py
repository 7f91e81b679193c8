"""By which rules incidents are decided: those of the configuration in force, and of this release."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.config.schema import Config

RULES = 4  # of when an incident is due: a release with others looks once at all that an older one settled


def rules_of(config: Config) -> str:
    """What differs whenever an incident may be due at another time, or belong on another page."""
    return f"{config.digest} {RULES}"
