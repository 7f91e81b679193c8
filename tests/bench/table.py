"""What was measured, against what was wanted."""

from __future__ import annotations

import statistics

from msgspec import Struct


class Row(Struct, kw_only=True):
    """One figure, measured several times. ``bound`` is the least, or with ``at_most`` the most, that is wanted."""

    name: str
    values: list[float]
    unit: str = ""
    bound: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether it is as wanted."""
        return self.bound is None or (self.value <= self.bound if self.at_most else self.value >= self.bound)

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return "" if self.bound is None else f"{'≤' if self.at_most else '≥'} {_number(self.bound)}{self.unit}"

    @property
    def spread(self) -> str:
        """The least and the most of the runs."""
        return f"{_number(min(self.values))} to {_number(max(self.values))}" if len(self.values) > 1 else ""

    def __str__(self) -> str:
        verdict = "" if self.bound is None else ("met" if self.is_met else "NOT MET")
        return f"{self.name:<72}{self.shown:>14}  {self.spread:<20}{self.wanted:>12}  {verdict}"

    @property
    def shown(self) -> str:
        """The median with its unit."""
        return f"{_number(self.value)}{self.unit}"


class Plot(Struct, kw_only=True):
    """Lines over one axis: per name, points of (x, y)."""

    name: str
    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]
    ticks: list[str] = []  # names of the points, where x counts them


class Results(Struct, kw_only=True):
    """Of one run of the bench."""

    about: dict[str, str]
    rows: list[Row]
    plots: list[Plot]


def markdown(now: Results, before: Results | None) -> str:
    """The rows, with those of an earlier state beside them."""
    earlier = {row.name: row.shown for row in before.rows} if before else {}
    head = ["what", "wanted", *(["before"] if before else []), "now", "spread of the runs", "verdict"]
    lines = [head, ["---"] * len(head)]
    for row in now.rows:
        verdict = "" if row.bound is None else ("met" if row.is_met else "**not met**")
        name = f"{row.name}<br>{row.note}" if row.note else row.name
        was = [earlier.get(row.name, "")] if before else []
        lines.append([name, row.wanted, *was, row.shown, row.spread, verdict])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
