"""Deliveries as Alertmanager sends them, one JSON document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = 50


def alert(number: int, *, groups: int = GROUPS, over: bool = False) -> dict[str, object]:
    """An alert like a real one, about 550 bytes; every number has a fingerprint of its own."""
    return {
        "status": "resolved" if over else "firing",
        "labels": {
            "alertname": "HighErrorRate",
            "service": "checkout",
            "severity": ("critical", "warning")[number % 2],
            "group": f"g{number % groups}",
            "instance": f"10.0.{number // 250 % 250}.{number % 250}:9090",
            "job": "checkout-api",
            "prometheus": "monitoring/k8s",
        },
        "annotations": {"summary": "Error rate above 5 % for 10 minutes", "runbook": "https://runbooks.example/errors"},
        "startsAt": "2026-01-02T03:04:05.678901234Z",
        "endsAt": "2026-01-02T04:04:05.678901234Z" if over else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=rate%28errors%5B5m%5D%29&g0.tab=1",
        "fingerprint": f"{number:016x}",
    }


def payload(numbers: range, *, groups: int = GROUPS, over: bool = False) -> bytes:
    """One delivery with these alerts."""
    alerts = [alert(number, groups=groups, over=over) for number in numbers]
    return json.dumps(
        {
            "receiver": "bridge",
            "status": "resolved" if over else "firing",
            "alerts": alerts,
            "groupLabels": {"alertname": "HighErrorRate"},
            "commonLabels": {"alertname": "HighErrorRate"},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example",
            "version": "4",
            "groupKey": '{}:{alertname="HighErrorRate"}',
            "truncatedAlerts": 0,
        },
        separators=(",", ":"),
    ).encode()


def write(path: Path, *, deliveries: int, alerts_each: int = 1, first: int = 0, groups: int = GROUPS) -> Path:
    """A file of deliveries with new alerts each."""

    def lines() -> Iterator[bytes]:
        for at in range(first, first + deliveries * alerts_each, alerts_each):
            yield payload(range(at, at + alerts_each), groups=groups) + b"\n"

    with path.open("wb") as file:
        file.writelines(lines())
    return path
