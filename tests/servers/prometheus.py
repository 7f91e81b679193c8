"""Prometheus with rules of the test's own, and something for it to scrape."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

import httpx
import prometheus_client
import yaml

from tests.servers import programs
from tests.servers.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Exporter:
    """Serves metrics from this process: set them with ``set``, and Prometheus sees them at its next scrape."""

    def __init__(self) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        self._gauges: dict[str, prometheus_client.Gauge] = {}

    @property
    def address(self) -> str:
        """What a scrape configuration calls a target."""
        return f"127.0.0.1:{self._server.server_port}"

    def set(self, metric: str, value: float, **labels: str) -> None:
        """Give a series a value; one metric always has the same label names."""
        if metric not in self._gauges:
            self._gauges[metric] = prometheus_client.Gauge(
                metric, "set by a test", list(labels), registry=self._registry
            )
        gauge = self._gauges[metric]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def __enter__(self) -> Self:
        self._server, self._thread = prometheus_client.start_http_server(0, "127.0.0.1", registry=self._registry)
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Prometheus(Process):
    """Scrapes ``targets`` and evaluates ``rules`` (the list of one rule group) every ``interval``.

    It tells Alertmanagers of what fires at most every ``resend``, and that it ends after four times that.
    """

    name = "prometheus"

    def __init__(
        self,
        directory: Path,
        *,
        rules: Sequence[Mapping[str, Any]],
        alertmanagers: Sequence[Process] = (),
        targets: Sequence[str] = (),
        interval: str = "500ms",
        resend: str = "1m",
        port: int | None = None,
    ) -> None:
        super().__init__(directory, port=port)
        self._resend = resend
        self._write("rules.yml", {"groups": [{"name": "test", "rules": list(rules)}]})
        config: dict[str, Any] = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": list(targets)}]}],
        }
        self._config = config
        self.tells(*alertmanagers)

    def tells(self, *alertmanagers: Process) -> None:
        """Tell these, and no others, from now on; one that runs reads its configuration again."""
        addresses = [f"127.0.0.1:{each.port}" for each in alertmanagers]
        alerting = {"alertmanagers": [{"static_configs": [{"targets": addresses}]}]} if addresses else {}
        self._write("prometheus.yml", {**self._config, "alerting": alerting})
        if self.runs:
            self.signal(signal.SIGHUP)

    def command(self) -> Sequence[str | Path]:
        return [
            programs.require("prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--rules.alert.resend-delay={self._resend}",
        ]

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/-/ready").is_success

    def firing(self) -> list[dict[str, str]]:
        """The labels of the alerts that fire now."""
        alerts = httpx.get(f"{self.url}/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        (self.directory / name).write_text(yaml.safe_dump(dict(content)))
