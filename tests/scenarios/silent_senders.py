"""Real senders whose ends get lost: a Prometheus with a sign of life, and Alertmanagers that people silence."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.scenarios.vocabulary import iso, now_ms
from tests.servers import Alertmanager, Bridge, Exporter, Prometheus, alertmanager_cluster
from tests.servers.veil import Veil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INTERVAL_MS = 400
ABSENT_FOR_MS = 3_000
RULES = [
    {"alert": "ErrorsHigh", "expr": "errors > 5", "labels": {"team": "shop", "prometheus": "p0"}},
    {"alert": "Watchdog", "expr": "vector(1)", "labels": {"prometheus": "p0"}},
]
ROUTE = {"group_by": ["..."], "group_wait": "100ms", "group_interval": "500ms", "repeat_interval": "1h"}


def healing(*clusters: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The section, with short times."""
    return {
        "alertmanagers": list(clusters),
        "interval": f"{INTERVAL_MS}ms",
        "absent_for": f"{ABSENT_FOR_MS}ms",
        "min_uptime": "2s",
        **settings,
    }


class SilentSenders:
    """A Prometheus that evaluates twice a second and repeats every two, and its Alertmanagers, each behind a veil.

    They deliver to ``bridges`` in turn, by a path with the name ``sender`` where there is one.
    """

    def __init__(self, directory: Path, bridges: Sequence[Bridge], *, peers: int = 2, sender: str = "") -> None:
        self._directory = directory
        self._bridges = bridges
        self._size = peers
        self._path = f"/webhooks/alertmanager{'/' if sender else ''}{sender}"
        self.name = sender or "main"
        self._match = {"match": f"__sender__ = {sender}"} if sender else {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self.exporter = running.enter_context(Exporter())
            webhook = self._bridges[0].url + self._path
            options: dict[str, Any] = {"webhook": webhook, "token": Bridge.alertmanager_token, "route": ROUTE}
            if self._size > 1:
                cluster = alertmanager_cluster(self._directory, size=self._size, peer_timeout="200ms", **options)
                self.peers: Sequence[Alertmanager] = running.enter_context(cluster)
            else:
                self.peers = [running.enter_context(Alertmanager(self._directory / "peer-0", **options))]
            self.veils = [running.enter_context(Veil(each)) for each in self.peers]
            self.prometheus = running.enter_context(
                Prometheus(
                    self._directory / "prometheus",
                    rules=RULES,
                    alertmanagers=self.peers,
                    targets=[self.exporter.address],
                    resend="2s",
                )
            )
            self._running = running.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def cluster(self, **settings: Any) -> dict[str, Any]:
        """What the section ``healing`` says of them."""
        alive = {"match": "alertname = Watchdog"}
        urls = [veil.url for veil in self.veils]
        return {"name": self.name, "urls": urls, "alive": alive, **self._match, "receiver": "bridge", **settings}

    def fires(self, service: str = "checkout", zone: str = "a") -> None:
        """The errors of a service rise."""
        self.exporter.set("errors", 9, service=service, zone=zone)

    def ends(self, service: str = "checkout", zone: str = "a") -> None:
        """They are gone."""
        self.exporter.set("errors", 0, service=service, zone=zone)

    def silences(self, zone: str = "a") -> None:
        """People silence what fires there for an hour."""
        now = now_ms()
        matcher = {"name": "zone", "value": zone, "isRegex": False, "isEqual": True}
        body = {
            "matchers": [matcher],
            "startsAt": iso(now),
            "endsAt": iso(now + 3_600_000),
            "createdBy": "amy",
            "comment": "known",
        }
        httpx.post(f"{self.peers[0].url}/api/v2/silences", json=body).raise_for_status()

    def hears_only(self, number: int) -> None:
        """Prometheus does not reach any other of its Alertmanagers any more."""
        self.prometheus.tells(self.peers[number])

    def states(self, zone: str = "a") -> list[str]:
        """How each peer that runs lists what fires there; "absent" where it does not."""
        return [_state(peer, zone) for peer in self.peers if peer.runs]


def _state(peer: Alertmanager, zone: str) -> str:
    listed = httpx.get(f"{peer.url}/api/v2/alerts").raise_for_status().json()
    states = [each["status"]["state"] for each in listed if each["labels"].get("zone") == zone]
    return states[0] if states else "absent"
