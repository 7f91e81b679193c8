"""Metrics that every delivery touches. prometheus_client takes a lock, and makes a key, whenever it finds a series."""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter, Gauge


class BusyCounter(Counter):
    """A counter that finds a series again at the price of a look into a dict. Its series never end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: dict[tuple[str, ...], BusyCounter] = {}

    def labels(self, *values: str) -> BusyCounter:  # type: ignore[override] # narrower: by place alone
        """The series of these values of its labels."""
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = super().labels(*values)
        return known


class BusyGauge(Gauge):
    """A gauge of the same kind."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: dict[tuple[str, ...], BusyGauge] = {}

    def labels(self, *values: str) -> BusyGauge:  # type: ignore[override] # narrower: by place alone
        """The series of these values of its labels."""
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = super().labels(*values)
        return known

    def remove(self, *values: str) -> None:
        """End a series."""
        self._known.pop(values, None)
        super().remove(*values)
