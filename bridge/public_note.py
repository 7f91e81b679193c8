"""Words that people write for the public."""

from __future__ import annotations

from msgspec import Struct

from bridge.phase import Phase


class PublicNote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words that a person wrote for the public about one alert (``fingerprint``), already fit to be published.

    ``sender``, ``observed_at`` and ``event_id`` are as an alert's; ``kept_at`` is when it came, on Redis' clock. Those
    of an operator concern the incident, not an alert: they may show a ``status``, and ``notify`` subscribers.
    """

    source: str
    fingerprint: str
    text: str
    observed_at: int
    event_id: str
    kept_at: int = 0
    sender: str = ""
    status: Phase | None = None
    notify: bool = False
