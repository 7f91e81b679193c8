"""What one poll of a sender has shown: the alerts that it lists, and what is to be known of who lists them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Listed(Struct, frozen=True):
    """One alert in a peer's list. ``updated_at`` is as it was sent, and only compared for being different.

    ``silenced``: by a silence there; ``inhibited``: by another alert. Both say why it is suppressed.
    """

    starts_at: int  # ms
    updated_at: str
    state: str  # unprocessed, active or suppressed
    labels: Mapping[str, str]
    silenced: bool = False
    inhibited: bool = False


class Poll(Struct, frozen=True):
    """One peer's whole answer, of which everything was understood; ``alerts`` are by their fingerprints.

    ``process`` is the start time of the peer as it was sent, empty where it tells none (Grafana); ``age_ms`` is the
    peer's own Date header minus that, None where that is unknown. ``is_settled``: its cluster is ready, or it has none,
    or nothing is said of that.
    """

    process: str
    age_ms: int | None
    is_settled: bool
    alerts: Mapping[str, Listed]


class PeerError(Exception):
    """A peer gave no such answer.

    ``kind`` is refused, unreachable, timeout, status, redirect, too_large or not_understood; ``detail`` says in words
    what happened, and nothing of what the peer answered.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
