"""A stand-in of Alertmanager's API in this process, on a clock that a test moves, with every way to answer badly.

It is a model of the real one, and held to its description: alerts live in memory and are not told to other peers, an
alert whose end has passed is not listed, a restart forgets all of them, silences reach every peer of a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

RESOLVE_TIMEOUT_MS = 5 * 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RECEIVER = "bridge"

FAULTS = (
    "unreachable",
    "hangs",
    "error",
    "refuses",
    "redirects",
    "html",
    "cut",
    "empty",
    "bad entry",
    "unknown state",
    "too large",
    "cached",
    "without date",
    "twice",
)
"""Ways to answer a list badly, or not at all. An ``empty`` list is well formed, as of another tenant's."""


class Held(Struct):
    """An alert in a peer's memory; instants are in ms of the peer's clock."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: int
    ends_at: int
    updated_at: int


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's name for a set of labels: FNV-1a of 64 bits."""
    return _hash(tuple(sorted(labels.items())))


@lru_cache
def _hash(labels: tuple[tuple[str, str], ...]) -> str:
    value = 14695981039346656037
    for name, text in labels:
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


class StandIn:
    """One peer. ``clock`` gives the true time in ms, from which the peer's own differs by ``skew_ms``.

    ``silences`` and ``inhibited`` are fingerprints, ``muted`` those whose route is muted now; peers of one cluster are
    given the same set of silences. ``fault`` is one of FAULTS, or empty.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        skew_ms: int = 0,
        silences: set[str] | None = None,
        cluster: str = "ready",
        is_new: bool = True,
    ) -> None:
        self._clock = clock
        self._skew_ms = skew_ms
        self._is_new = is_new
        self.silences = set() if silences is None else silences
        self.inhibited: set[str] = set()
        self.muted: set[str] = set()
        self.cluster = cluster
        self.fault = ""
        self.asked: list[httpx.URL] = []
        self.restart()

    @property
    def now(self) -> int:
        """What its clock shows."""
        return self._clock() + self._skew_ms

    def restart(self) -> None:
        """Begin anew, with nothing in memory."""
        self.started = self.now
        self.held: dict[str, Held] = {}

    def receive(
        self,
        labels: Mapping[str, str],
        *,
        starts_at: int | None = None,
        ends_at: int | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Take an alert as Prometheus sends it, with instants of the peer's clock; its fingerprint."""
        name = fingerprint(labels)
        now = self.now
        ends = now + RESOLVE_TIMEOUT_MS if ends_at is None else ends_at
        starts = min(now, ends) if starts_at is None else starts_at
        if (old := self.held.get(name)) and old.ends_at >= starts:
            starts = min(starts, old.starts_at)
        self.held[name] = Held(labels, annotations or {}, starts, ends, now)
        return name

    def lists(self, name: str) -> bool:
        """Whether its memory has this alert, and it has not ended."""
        return name in self.held and self.held[name].ends_at >= self.now

    def transport(self) -> httpx.MockTransport:
        """The way to it for an HTTP client."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or fail as ``fault`` says; raises what a client's network raises."""
        self.asked.append(request.url)
        is_list = not request.url.path.endswith("/status")
        broken = _failed(self.fault, request) if is_list or self.fault in {"unreachable", "hangs"} else None
        if broken is not None:
            return broken
        body = self._body(request.url)
        if is_list and self.fault:
            body = _spoiled(self.fault, body)
        headers = {"Content-Type": "application/json", "Date": format_datetime(_at(self.now), usegmt=True)}
        if is_list and self.fault == "cached":
            headers["Age"] = "30"
        if is_list and self.fault == "without date":
            del headers["Date"]
        content = body if isinstance(body, str) else _json(body)
        if is_list and self.fault == "cut":
            content = content[: len(content) * 2 // 3]
        return httpx.Response(200, headers=headers, content=content.encode())

    def _body(self, url: httpx.URL) -> Any:
        match url.path.rpartition("/api/v2/")[2]:
            case "status":
                return self._status()
            case "alerts":
                return [self._alert(name, []) for name in sorted(self.held) if self.lists(name)]
            case "alerts/groups":
                return self._groups(url.params.get("receiver", ".*"))
        raise AssertionError(f"the stand-in has no {url.path}")

    def _status(self) -> Mapping[str, Any]:
        versions = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision", "version"), "")
        return {
            "cluster": {"peers": [], "status": self.cluster},
            "config": {"original": ""},
            "uptime": _text(self.started),
            "versionInfo": versions,
        }

    def _alert(self, name: str, muted_by: list[str]) -> dict[str, Any]:
        held = self.held[name]
        silenced = ["silence"] if name in self.silences else []
        inhibited = ["inhibitor"] if name in self.inhibited else []
        status = {
            "state": "suppressed" if silenced or inhibited else "active",
            "silencedBy": silenced,
            "inhibitedBy": inhibited,
        }
        return {
            "annotations": dict(held.annotations),
            "endsAt": _text(held.ends_at),
            "fingerprint": name,
            "receivers": [{"name": _RECEIVER}],
            "startsAt": _text(held.starts_at),
            "status": {**status, "mutedBy": muted_by} if self._is_new else status,
            "updatedAt": _text(held.updated_at),
            "labels": dict(held.labels),
        }

    def _groups(self, receiver: str) -> list[dict[str, Any]]:
        if not re.fullmatch(receiver, _RECEIVER):
            return []
        return [
            {
                "alerts": [self._alert(name, ["nights"] if name in self.muted and self._is_new else [])],
                "labels": {},
                "receiver": {"name": _RECEIVER},
                **({"routeLabels": {}} if self._is_new else {}),
            }
            for name in sorted(self.held)
            if self.lists(name)
        ]


def _failed(fault: str, request: httpx.Request) -> httpx.Response | None:
    """The answer that has no list, or the error in its place; None where the list comes, if spoiled."""
    match fault:
        case "unreachable":
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        case "hangs":
            raise httpx.ReadTimeout("", request=request)
        case "error":
            return httpx.Response(503, text="no")
        case "refuses":
            return httpx.Response(401, text="who are you")
        case "redirects":
            return httpx.Response(302, headers={"Location": "/login"})
        case "html":
            return httpx.Response(200, headers={"Date": format_datetime(_EPOCH, usegmt=True)}, html="<p>Sign in</p>")
    return None


def _spoiled(fault: str, body: Any) -> Any:
    """The list as this fault makes it."""
    match fault:
        case "empty":
            return []
        case "bad entry":
            return [*body, {"fingerprint": "0123456789abcdef"}]
        case "unknown state":
            return [*body[:-1], {**body[-1], "status": {**body[-1]["status"], "state": "sleeping"}}] if body else ""
        case "too large":
            return _json(body) + " " * (64 * 1024 * 1024)
        case "twice":
            return [*body, *body] or ""
    return body


def _json(body: Any) -> str:
    return msgspec.json.encode(body).decode()


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _text(ms: int) -> str:
    return _at(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
