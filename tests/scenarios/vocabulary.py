"""The words that the scenarios are told in: an outage, the public page that shows it, and the bridge between them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import Bridge, Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.servers import Alertmanager, Exporter

RESOLVE_AFTER_MS = 2_000
INCIDENTS = "/v1/status-pages/incidents"
UPDATES = "/v1/status-pages/incidents/*/incident-updates"
INCIDENTS_V3 = "/v3/status-pages/*/incidents"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def configuration(**changes: Any) -> dict[str, Any]:
    """A shop's configuration with short times, and no bound on what becomes public; ``changes`` replace its parts."""
    return {
        "version": 1,
        "budgets": "off",
        "checkly": {"notify": ["open", "resolved"], "settle": "1s"},
        "services": {"checkout": "Checkout", "payments": "Payments", "search": "Search"},
        "severity": [
            {"match": "severity = critical", "is": "CRITICAL"},
            {"match": "severity = warning", "is": "MEDIUM"},
            {"is": "MINOR"},
        ],
        "defaults": {"publish_after": "0", "resolve_after": "2s", "reopen_after": "60s", "hold_refire": "4s"},
        "routes": [{"name": "shop", "match": "team = shop", "services": {"label": "service"}}],
        **changes,
    }


def write_configuration(path: Path, **changes: Any) -> Path:
    """``configuration`` as a file."""
    path.write_text(yaml.safe_dump(configuration(**changes)))
    return path


def alert(status: str = "firing", /, **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager delivers it, of the shop's checkout unless the labels say otherwise."""
    labels = {"alertname": "ErrorsHigh", "team": "shop", "service": "checkout", "severity": "warning"} | labels
    now = iso(now_ms())
    return {
        "status": status,
        "labels": labels,
        "annotations": {},
        "startsAt": now,
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else now,
        "generatorURL": "",
        "fingerprint": hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16],
    }


def payload(*alerts: Mapping[str, Any], **envelope: Any) -> bytes:
    """Alertmanager's webhook body with these alerts; ``envelope`` adds to it or replaces."""
    return json.dumps(
        {
            "version": "4",
            "status": "firing" if any(each.get("status") == "firing" for each in alerts) else "resolved",
            "receiver": "bridge",
            "groupKey": "{}:{}",
            "externalURL": "http://alertmanager:9093",
            "alerts": alerts,
            **envelope,
        }
    ).encode()


class MeasuredOutage:
    """An outage that Prometheus measures."""

    def __init__(self, exporter: Exporter, alertmanager: Alertmanager) -> None:
        self._exporter = exporter
        self._alertmanager = alertmanager
        self._series: list[dict[str, str]] = []

    def fires(self, service: str, severity: str) -> None:
        """The errors of a service rise."""
        self._series.append({"service": service, "severity": severity})
        self._exporter.set("errors", 9, **self._series[-1])

    def ends(self, *services: str) -> None:
        """These services have no errors any more; by default no service has."""
        for labels in self._series:
            if not services or labels["service"] in services:
                self._exporter.set("errors", 0, **labels)

    @property
    def started_at(self) -> int:
        """When the first of the alerts that fire now started, as Alertmanager knows it."""
        alerts = httpx.get(f"{self._alertmanager.url}/api/v2/alerts").raise_for_status().json()
        return min(milliseconds(alert["startsAt"]) for alert in alerts)


class Outage:
    """Plays Alertmanager: tells a bridge of the alerts that start and end, and sees that it takes them."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._firing: dict[str, dict[str, Any]] = {}

    def at(self, bridge: Bridge) -> Outage:
        """The same outage, told to another bridge from now on."""
        other = Outage(bridge)
        other._firing = self._firing
        return other

    def fires(self, service: str = "checkout", **labels: str) -> None:
        """One more alert fires."""
        started = alert(service=service, **labels)
        self._firing[started["fingerprint"]] = started
        self._deliver(started)

    def repeats(self) -> None:
        """Alertmanager tells once more of everything that fires."""
        self._deliver(*self._firing.values())

    def ends(self, *services: str) -> None:
        """Every alert of these services ends; by default every one that fires."""
        ending = {
            name: each for name, each in self._firing.items() if not services or each["labels"]["service"] in services
        }
        self._firing = {name: each for name, each in self._firing.items() if name not in ending}
        self._deliver(*({**each, "status": "resolved", "endsAt": iso(now_ms())} for each in ending.values()))

    def _deliver(self, *alerts: Mapping[str, Any]) -> None:
        assert self._bridge.deliver(payload(*alerts)).status_code == 202


@dataclass(frozen=True, kw_only=True)
class Message:
    """One update of a published incident; times in milliseconds since the epoch."""

    status: str
    text: str
    public_at: int
    posted_at: int
    notified: bool


@dataclass(frozen=True, kw_only=True)
class Published:
    """An incident on the page. ``services`` are sorted, ``messages`` run from the first to the last.

    On a page of the v1 API it has a ``severity``, on a v3 page ``impacts`` on its components. It is on these ``pages``.
    """

    id: str
    name: str
    severity: str | None
    status: str
    services: tuple[str, ...]
    impacts: dict[str, str]
    pages: tuple[str, ...]
    messages: tuple[Message, ...]

    @property
    def statuses(self) -> list[str]:
        """The statuses that readers saw, one after the other."""
        return [message.status for message in self.messages]


class Page:
    """The status page, or several, and what Checkly was asked to do for them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    @property
    def incidents(self) -> list[Published]:
        """Everything published, the most recently updated first."""
        return [_published(each) for each in self.sandbox.control("GET", "state")["incidents"]]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every request to Checkly, the first first."""
        calls: list[dict[str, Any]] = self.sandbox.control("GET", "calls")
        return calls

    @property
    def opened(self) -> int:
        """How many incidents Checkly was asked to create."""
        return sum(call["method"] == "POST" and call["path"].endswith("/incidents") for call in self.calls)

    @property
    def mails(self) -> list[str]:
        """The subjects of all mails to subscribers."""
        return [mail["subject"] for mail in self.sandbox.control("GET", "mails")]

    @property
    def html(self) -> str:
        """The page as readers get it."""
        return httpx.get(f"{self.sandbox.url}/pages/shop").raise_for_status().text

    def on(self, page: str) -> list[Published]:
        """What readers of this page (by its name in the URL) see, the most recently updated first."""
        return [each for each in self.incidents if page in each.pages]

    def shows(self, on: str = "", **expected: Any) -> Published:
        """Wait until the page has exactly one incident and it is as expected, by the fields of Published.

        Where the account has several pages, ``on`` is the one that is meant.
        """

        def only() -> Published:
            incidents = self.on(on) if on else self.incidents
            assert len(incidents) == 1, incidents
            incident = incidents[0]
            found = {field: getattr(incident, field) for field in expected}
            assert found == expected, found
            return incident

        return eventually(only, f"an incident with {expected}")

    def fault(self, kind: str, **which: Any) -> None:
        """Let the calls that ``which`` describes go wrong."""
        self.sandbox.control("POST", "faults", kind=kind, **which)

    def holds(self, count: int = 1) -> None:
        """Wait until Checkly has done what ``count`` calls asked for, and keeps their answers back."""

        def held() -> bool:
            return len([call for call in self.calls if call["committed"] and not call["ended"]]) == count

        eventually(held, f"{count} calls to be held")

    def release(self) -> None:
        """Let the held calls be answered."""
        self.sandbox.control("POST", "release")


def log_of(bridge: Bridge, event: str | None = None) -> list[dict[str, Any]]:
    """The lines of the bridge's log, or those of one event."""
    complete, _, _ = bridge.output.rpartition("\n")
    lines = [json.loads(line) for line in complete.splitlines()]
    return [line for line in lines if event in {None, line["event"]}]


def logged(bridge: Bridge, event: str, *, times: int = 1, within: float = 60) -> list[dict[str, Any]]:
    """Wait until the bridge has logged an event this often; the lines."""

    def often_enough() -> list[dict[str, Any]]:
        lines = log_of(bridge, event)
        return lines if len(lines) >= times else []

    return eventually(often_enough, f"{event} in the log", within=within)


def metric(bridge: Bridge, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels; 0 when there is none."""
    families = text_string_to_metric_families(httpx.get(f"{bridge.url}/metrics").raise_for_status().text)
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def command(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """``bridge`` with these arguments, run to its end; ``environment`` adds to its variables."""
    return subprocess.run(
        [sys.executable, "-m", "bridge.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def observed(bridge: Bridge) -> dict[str, Any]:
    """What the last look saw of the bridge's only incident; waits for the first one."""

    def seen() -> dict[str, Any] | None:
        listing = command(
            "incidents", "list", "--url", bridge.url, "--output", "json", environment=bridge.environment()
        )
        found = json.loads(listing.stdout)
        incidents = found["incidents"] if isinstance(found, dict) else found
        return next((post["observed"] for each in incidents for post in each["posts"] if post["observed"]), None)

    found = eventually(seen, "a look")
    assert found
    return found


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def iso(at: int) -> str:
    """An instant as Alertmanager writes it."""
    return (_EPOCH + timedelta(milliseconds=at)).isoformat()


def milliseconds(text: str) -> int:
    """The instant of an RFC 3339 text, cut to the millisecond."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def _published(incident: Mapping[str, Any]) -> Published:
    return Published(
        id=incident["id"],
        name=incident["name"],
        severity=incident["severity"],
        status=incident["lastUpdateStatus"],
        services=tuple(sorted(service["name"] for service in incident["services"])),
        impacts=incident["impacts"],
        pages=tuple(incident["pages"]),
        messages=tuple(_messages(reversed(incident["incidentUpdates"]))),
    )


def _messages(updates: Iterable[Mapping[str, Any]]) -> Iterable[Message]:
    for update in updates:
        yield Message(
            status=update["status"],
            text=update["description"],
            public_at=milliseconds(update["publicIncidentUpdateDate"]),
            posted_at=milliseconds(update["created_at"]),
            notified=update["notifySubscribers"],
        )
