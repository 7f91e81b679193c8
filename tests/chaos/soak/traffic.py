"""What normal senders say for hours: outages that come and go, each told again and again. A function of the time."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.chaos.campaign_servers import name
from tests.scenarios.vocabulary import alert, iso, now_ms, payload

if TYPE_CHECKING:
    from collections.abc import Mapping

ALERTS = 4


class Comings:
    """When an outage is there: for the first half of each ``period_s``, from ``offset_s`` on, and before that."""

    def __init__(self, *, period_s: float, offset_s: float) -> None:
        self._period_s = period_s
        self._offset_s = offset_s

    def at(self, now_s: float) -> tuple[int, float]:
        """Which outage it is, from 0, and how much of its half is over: from 1 on the outage is."""
        since_s = now_s - self._offset_s
        turn = max(0, int(since_s // self._period_s))
        return turn, max(0.0, 2 * (since_s - turn * self._period_s) / self._period_s)


class Region:
    """Outages of one region, as Alertmanager tells of them: one alert after the other joins, and all end at once."""

    sender = "alertmanager"

    def __init__(self, region: str, comings: Comings) -> None:
        self.title = name(region)
        self._region = region
        self._comings = comings
        self._alerts: list[dict[str, Any]] = []
        self._is_over = True
        self._turn = -1
        self._body = b""
        self.outages = 0

    def body(self, now_s: float) -> bytes:
        """What is told at that time: mostly what was told before."""
        turn, part = self._comings.at(now_s)
        if part >= 1:
            return self.ends()
        if turn != self._turn:
            self._turn, self._alerts, self._is_over = turn, [], False
            self.outages += 1
        while len(self._alerts) <= part * ALERTS:
            self._alerts.append(alert(region=self._region, service="Checkout", instance=f"{len(self._alerts)}"))
            self._body = payload(*self._alerts)
        return self._body

    def ends(self) -> bytes:
        """Everything is over."""
        if not self._is_over:
            self._is_over = True
            ended = {"status": "resolved", "endsAt": iso(now_ms())}
            self._body = payload(*(each | ended for each in self._alerts))
        return self._body


class Pager:
    """Outages of one title, as PagerDuty tells of them: each is an incident of its own, acknowledged half-way."""

    sender = "pagerduty"

    def __init__(self, title: str, comings: Comings) -> None:
        self.title = name(title)
        self._title = title
        self._comings = comings
        self._turn = 0
        self.outages = 0

    def body(self, now_s: float) -> bytes:
        """What is told at that time: mostly what was told before."""
        turn, part = self._comings.at(now_s)
        self._turn, self.outages = turn, turn + 1
        return self._event("resolved" if part >= 1 else "acknowledged" if part >= 0.5 else "triggered")

    def ends(self) -> bytes:
        """Everything is over."""
        return self._event("resolved")

    def _event(self, what: str) -> bytes:
        return event(self._title, f"{self._title}-{self._turn}", what)


@lru_cache(maxsize=1_000)
def event(title: str, incident: str, what: str) -> bytes:
    """PagerDuty's event; the same bytes when it is asked for again, as PagerDuty repeats them."""
    data: Mapping[str, Any] = {
        "id": incident,
        "type": "incident",
        "status": what,
        "title": title,
        "service": {"summary": "Checkout"},
        "teams": [{"summary": "pager"}],
    }
    said = {"id": f"{incident}-{what}", "event_type": f"incident.{what}", "occurred_at": iso(now_ms()), "data": data}
    return json.dumps({"event": said}).encode()


Source = Region | Pager


def sources(regions: int, pagers: int, *, period_s: float) -> list[Source]:
    """So many, whose outages begin one after the other."""
    return [
        *(Region(f"r{n}", Comings(period_s=period_s, offset_s=period_s * n / regions)) for n in range(regions)),
        *(Pager(f"p{n}", Comings(period_s=period_s, offset_s=period_s * n / pagers)) for n in range(pagers)),
    ]
