"""What a campaign is: a trial that is a function of its seed, and what came of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from tests.chaos.checker import Verdict

if TYPE_CHECKING:
    from tests.chaos.campaign_servers import CampaignServers


class Trial(Struct, frozen=True, kw_only=True):
    """One run. ``case`` says in words what was done; ``events`` counts what is of interest in the report.

    ``is_last``: there is nothing behind this seed.
    """

    case: str
    faults: int
    verdict: Verdict
    recovery_s: float = 0.0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    is_last: bool = False


class Campaign(Protocol):
    """A kind of trouble."""

    @property
    def name(self) -> str:
        """What the command line calls it."""
        ...

    @property
    def runs(self) -> int | None:
        """How many trials make the default (None: until one is the last)."""
        ...

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        """Play one trial on servers of its own. Everything that may vary is drawn from ``seed``."""
        ...
