"""How Checkly's account behaves all the time, unlike a fault: reads lag, dates are measured, others are at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tests.chaos.generation import V1

if TYPE_CHECKING:
    from random import Random

    from tests.chaos.campaign_servers import CampaignServers
    from tests.chaos.generation import Generation

CROWD = 25  # more than the bridge reads in one step


class Habits(Struct, frozen=True, kw_only=True):
    """``crowd`` is how many incidents of others are open. The rest are settings of the simulator."""

    list_lag_ms: int = 0
    read_lag_ms: int = 0
    early_date: int | None = None
    whole_seconds: bool = False
    crowd: int = 0

    @classmethod
    def drawn(cls, rng: Random, *, longest_lag_ms: int) -> Habits:
        """A little of each. What lags longer than the settle time is beyond the promises."""
        lags = (0, 0, longest_lag_ms // 4, longest_lag_ms)
        return cls(
            list_lag_ms=rng.choice(lags),
            read_lag_ms=rng.choice(lags),
            early_date=rng.choice((None, None, 400, 422)),
            whole_seconds=rng.random() < 0.5,
            crowd=CROWD if rng.random() < 0.15 else 0,
        )

    @property
    def checkly(self) -> dict[str, str]:
        """What a bridge must be told of such an account: that others' incidents are no reason to hold back."""
        return {"second_writer": "ignore"} if self.crowd else {}

    def take_on(self, servers: CampaignServers, generation: Generation) -> None:
        """Let the simulator behave so."""
        names = ("list_lag_ms", "read_lag_ms", "early_date", "whole_seconds")
        servers.control("PATCH", "settings", {name: getattr(self, name) for name in names})
        pages = [None] if generation is V1 else list(generation.shown)
        for page in pages if self.crowd else []:
            where = {} if page is None else {"page": page}
            servers.control("POST", "crowd", {"incidents": self.crowd, "every_ms": 1_000, **where})
