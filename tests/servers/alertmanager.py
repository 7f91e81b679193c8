"""Alertmanager, alone or as a cluster of two, with one webhook receiver."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.servers import programs
from tests.servers.process import Process, eventually, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class Alertmanager(Process):
    """Sends every alert to the webhook at ``webhook`` with a bearer token.

    ``route`` overrides parts of the one route (``group_by``, ``group_wait``, …), whose times are short. ``peers`` are
    the cluster ports of others; without a ``cluster_port`` it is alone. ``peer_timeout`` is how long each member of a
    cluster lets the one before it go first.
    """

    name = "alertmanager"

    def __init__(
        self,
        directory: Path,
        *,
        webhook: str,
        token: str,
        route: Mapping[str, Any] | None = None,
        receiver: str = "bridge",
        cluster_port: int | None = None,
        peers: Sequence[int] = (),
        peer_timeout: str = "15s",
        port: int | None = None,
    ) -> None:
        super().__init__(directory, port=port)
        self._cluster_port = cluster_port
        self._peers = peers
        self._peer_timeout = peer_timeout
        times = {"group_by": ["alertname"], "group_wait": "200ms", "group_interval": "1s", "repeat_interval": "1h"}
        to = {"url": webhook, "http_config": {"authorization": {"credentials": token}}}
        self.configure(
            {
                "route": {"receiver": receiver, **times, **(route or {})},
                "receivers": [{"name": receiver, "webhook_configs": [to]}],
            }
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the configuration; a running Alertmanager takes it on ``reload``."""
        (self.directory / "alertmanager.yml").write_text(yaml.safe_dump(dict(config)))

    def reload(self) -> None:
        """Make it read its configuration again."""
        httpx.post(f"{self.url}/-/reload").raise_for_status()

    def command(self) -> Sequence[str | Path]:
        cluster = f"127.0.0.1:{self._cluster_port}" if self._cluster_port else ""
        return [
            programs.require("alertmanager"),
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--cluster.listen-address={cluster}",
            "--cluster.gossip-interval=50ms",
            "--cluster.pushpull-interval=1s",
            f"--cluster.peer-timeout={self._peer_timeout}",
            *(f"--cluster.peer=127.0.0.1:{peer}" for peer in self._peers),
        ]

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/-/ready").is_success

    def alert(self, **labels: str) -> None:
        """Report that an alert fires, as Prometheus does."""
        self.post({"labels": labels})

    def post(self, *alerts: Mapping[str, Any]) -> None:
        """Report alerts in the shape of its API: ``labels``, ``annotations``, ``startsAt``, ``endsAt``."""
        httpx.post(f"{self.url}/api/v2/alerts", json=alerts).raise_for_status()

    def members(self) -> int:
        """How many of its cluster it sees, itself included; 0 before the cluster has settled."""
        cluster = httpx.get(f"{self.url}/api/v2/status").raise_for_status().json()["cluster"]
        return len(cluster["peers"]) if cluster["status"] == "ready" else 0


@contextmanager
def alertmanager_cluster(directory: Path, *, size: int = 2, **options: Any) -> Iterator[list[Alertmanager]]:
    """A cluster whose members all see each other; ``options`` are those of ``Alertmanager``."""
    ports = free_ports(size)
    with ExitStack() as running:
        members = [
            running.enter_context(
                Alertmanager(directory / f"peer-{index}", cluster_port=port, peers=ports[:index], **options)
            )
            for index, port in enumerate(ports)
        ]
        eventually(lambda: all(member.members() == size for member in members), "the cluster to settle")
        yield members
