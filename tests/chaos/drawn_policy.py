"""A policy that a seed stands for: budgets, flapping, times, and whom updates are mailed to."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.config.schema import Budget
from bridge.model import Severity

if TYPE_CHECKING:
    from random import Random

TEAMS = ("shop", "pay")
NO_POLICY: dict[str, Any] = {"budgets": "off"}
_WORST = {"CRITICAL": Severity.CRITICAL}
_KINDS = (["open", "severity", "resolved"], ["open", "resolved"], ["open", "update", "severity", "resolved"], ["open"])


class DrawnPolicy(Struct, frozen=True, kw_only=True):
    """``budgets``, ``flap`` and ``defaults`` are those parts of the configuration, ``notify`` is of its ``checkly``."""

    budgets: Mapping[str, Any]
    flap: Mapping[str, Any] | str
    defaults: Mapping[str, Any]
    notify: tuple[str, ...]

    @classmethod
    def drawn(cls, rng: Random) -> DrawnPolicy:
        """Tight budgets, so that they are felt by half a dozen incidents, and times of a second or a few."""
        flap: dict[str, Any] | str = "off"
        if rng.random() < 0.6:
            flap = {
                "returns": rng.choice((2, 3, 4)),
                "within": rng.choice(("8s", "1h")),
                "settle": rng.choice(("1500ms", "3s")),
                "blips": rng.choice(("ignore", "publish")),
            }
        defaults = {
            "publish_after": rng.choice(("0", "0", "800ms")),
            "resolve_after": rng.choice(("400ms", "1200ms")),
            "reopen_after": rng.choice(("10m", "10m", "10m", "2s")),
            "hold_refire": "1s",
            "flap": flap,
        }
        return cls(budgets=_budgets(rng), flap=flap, defaults=defaults, notify=tuple(rng.choice(_KINDS)))

    @property
    def parts(self) -> dict[str, Any]:
        """What it replaces in a campaign's configuration."""
        routes = [
            {"name": team, "match": f"team = {team}", "services": {"label": "service"}, "group_by": ["region"]}
            for team in TEAMS
        ]
        return {
            "budgets": dict(self.budgets),
            "defaults": dict(self.defaults),
            "routes": routes,
            "people": {"look_every": "1s"},
        }

    @property
    def binds(self) -> bool:
        """Whether the budgets are acted upon."""
        return bool(self.budgets["mode"] == "enforce")

    @property
    def withholds(self) -> bool:
        """Whether they withhold what has no room."""
        return self.binds and self.budgets["over"] == "withhold"

    @property
    def reopens_long(self) -> bool:
        """Whether no alert of a trial begins so late that it is another outage."""
        return bool(self.defaults["reopen_after"] == "10m")

    @property
    def case(self) -> str:
        """In words."""
        return f"budgets {dict(self.budgets)}, flap {self.flap}, notify {'+'.join(self.notify)}, {self.defaults}"


def _budgets(rng: Random) -> dict[str, Any]:
    """Those that a configuration may have: each leaves at least one opening for a route."""
    while True:
        budgets: dict[str, Any] = {
            "open": rng.randint(1, 5),
            "opens_per_hour": rng.randint(1, 12),
            "mails_per_hour": rng.randint(0, 12),
            "share": rng.choice((1, 0.5, 0.75)),
            "reserve": rng.choice(({}, {"CRITICAL": 0.2}, {"CRITICAL": 0.5})),
            "over": rng.choice(("withhold", "withhold", "quiet")),
            "mode": rng.choice(("enforce", "enforce", "enforce", "observe")),
        }
        budget = Budget(
            share=Fraction(budgets["share"]),
            reserve={_WORST[name]: Fraction(str(part)) for name, part in budgets["reserve"].items()},
        )
        wholes = (budgets["open"], budgets["opens_per_hour"])
        if all(budget.of_route(whole, Severity.MINOR, is_shared=True) >= 1 for whole in wholes):
            return budgets
