"""An incident's alerts as a test tells of them, and the sums that the store would keep of them."""

from __future__ import annotations

from msgspec import Struct

from bridge.flap import MOST_RETURNS, Span
from bridge.model import PublicNote, Severity, Summary


class Alerts(Struct):
    """At most one alert per service. Each call is one change of the facts at the instant ``now``."""

    firing: dict[str, Severity] = {}
    acknowledged: bool = False
    held: int = 0
    firing_since: int = 0
    last_fired_at: int = 0
    cleared_at: int = 0
    eased_at: int = 0
    outage_started_at: int = 0
    outage_ended_at: int = 0
    public_notes: tuple[PublicNote, ...] = ()
    revision: int = 0
    earlier: tuple[Span, ...] = ()

    def fire(self, now: int, service: str = "checkout", severity: Severity = Severity.MAJOR) -> None:
        if not self.firing:
            if self.firing_since:
                self.earlier = (*self.earlier, Span(self.firing_since, self.cleared_at))[1 - MOST_RETURNS :]
            self.firing_since, self.outage_started_at, self.outage_ended_at, self.acknowledged = (
                now,
                now - 500,
                0,
                False,
            )
        elif service in self.firing and self.firing[service] is not severity:
            self.eased_at = now
        if service not in self.firing:
            self.last_fired_at = now
        self.firing = {**self.firing, service: severity}
        self.revision += 1

    def clear(self, now: int, service: str | None = None) -> None:
        """Resolve the alert of one service, or of all."""
        left = {name: level for name, level in self.firing.items() if service not in {None, name}}
        if left == self.firing:
            return
        self.firing, self.eased_at, self.outage_ended_at = left, now, now - 200
        if not left:
            self.cleared_at, self.acknowledged = now, False
        self.revision += 1

    def acknowledge(self) -> None:
        self.acknowledged = bool(self.firing)
        self.revision += 1

    def hold(self, count: int) -> None:
        self.held = count
        self.revision += 1

    def public_note(self, now: int, text: str) -> None:
        event = f"e{len(self.public_notes)}"
        told = PublicNote(
            source="pagerduty", fingerprint="a", text=text, observed_at=now - 100, event_id=event, kept_at=now
        )
        self.public_notes = (*self.public_notes, told)
        self.revision += 1

    @property
    def summary(self) -> Summary:
        return Summary(
            firing=len(self.firing),
            acknowledged=int(self.acknowledged),
            held=self.held,
            services=dict(sorted(self.firing.items())),
            firing_since=self.firing_since,
            last_fired_at=self.last_fired_at,
            cleared_at=self.cleared_at,
            eased_at=self.eased_at,
            outage_started_at=self.outage_started_at,
            outage_ended_at=self.outage_ended_at,
            public_notes=self.public_notes,
            earlier=self.earlier,
        )
