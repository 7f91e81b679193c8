"""PagerDuty's REST API as its OpenAPI description has it, for the two questions that the bridge asks; strict.

Written from that description and from "Rate Limits", not from the bridge: a request that PagerDuty would not
understand, or that is none of these two, is kept in ``violations``, for the test to fail on.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY: Final = "y0uMu5tN0tSayTh1s"
_AUTHORIZATION = re.compile(r"(Token token=|Bearer )[A-Za-z0-9]+")
_ID = "([A-Za-z0-9]+)"
_INCIDENT = re.compile(f"/incidents/{_ID}")
_SUBSCRIPTION = re.compile(f"/webhook_subscriptions/{_ID}")
_ERRORS = {
    401: ("Unauthorized", 2006),
    403: ("Access Denied", 2010),
    404: ("Not Found", 2100),
    429: ("Rate Limit Exceeded", 2020),
    500: ("Internal Error", 2000),
}

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class PagerDuty:
    """One account. ``incidents`` gives each incident as the API shows it, by its id; ``subscriptions`` likewise.

    ``status`` is what every question is answered with instead, ``status_of`` what a question about one id is, ``extra``
    the headers of such an answer, ``raw`` a body in place of any other.
    """

    key: str = KEY
    incidents: dict[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int | None = None
    status_of: dict[str, int] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    asked: list[str] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What PagerDuty says to a request; header names in lower case."""
        self.asked.append(target)
        self.asked_at.append(time.monotonic())
        self.violations += [f"{method} {target}: {wrong}" for wrong in self._wrong(method, target, headers, body)]
        if headers.get("authorization") != f"Token token={self.key}":
            return self._error(401)
        if self.raw is not None:
            return 200, {"Content-Type": "application/json"}, self.raw
        status = self.status or self.status_of.get(target.rpartition("/")[2])
        return self._error(status) if status else self._found(target)

    def _found(self, target: str) -> Answer:
        if (match := _INCIDENT.fullmatch(target)) and match[1] in self.incidents:
            return self._json({"incident": self.incidents[match[1]]()})
        if (match := _SUBSCRIPTION.fullmatch(target)) and match[1] in self.subscriptions:
            return self._json({"webhook_subscription": self.subscriptions[match[1]]})
        return self._error(404)

    def _wrong(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        found = []
        if method != "GET" or body:
            found.append("expected GET without a body")
        if not (_INCIDENT.fullmatch(target) or _SUBSCRIPTION.fullmatch(target)):
            found.append("no such operation, or a parameter that it has not")
        if headers.get("accept") != "application/vnd.pagerduty+json;version=2":
            found.append("Accept names no version")
        if headers.get("content-type") != "application/json":
            found.append("Content-Type is required")
        if not _AUTHORIZATION.fullmatch(headers.get("authorization", "")):
            found.append("Authorization is no token")
        return found

    def _json(self, value: Any) -> Answer:
        limits = {"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": "42"}
        return 200, {"Content-Type": "application/json; charset=utf-8", **limits}, json.dumps(value).encode()

    def _error(self, status: int) -> Answer:
        message, code = _ERRORS.get(status, ("Something", 2000))
        body = json.dumps({"error": {"message": message, "code": code}}).encode()
        return status, {"Content-Type": "application/json", **self.extra}, body

    def subscribe(self, id_: str) -> None:
        """A subscription with this id delivers events."""
        self.subscriptions[id_] = {
            "id": id_,
            "type": "webhook_subscription",
            "active": True,
            "description": "Checkly status page",
            "delivery_method": {
                "id": "PDELIV1",
                "type": "http_delivery_method",
                "url": "https://bridge.example.com/webhooks/pagerduty",
                "secret": None,
                "temporarily_disabled": False,
                "custom_headers": [],
            },
            "events": ["incident.triggered", "incident.resolved"],
            "filter": {"type": "account_reference"},
        }

    def disable(self, id_: str) -> None:
        """PagerDuty turns a subscription off, as it does after three deliveries that were refused."""
        self.subscriptions[id_]["delivery_method"]["temporarily_disabled"] = True

    def enable(self, id_: str) -> None:
        """It is on again."""
        self.subscriptions[id_]["delivery_method"]["temporarily_disabled"] = False


class PagerDutyServer(PagerDuty):
    """The same account, on a free port of this machine. Answers one question at a time, or that is a violation, too."""

    def __enter__(self) -> Self:
        account, busy = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not busy.acquire(blocking=False):
                    account.violations.append("two questions at a time")
                    busy.acquire()
                try:
                    self._answer()
                finally:
                    busy.release()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = {name.lower(): value for name, value in self.headers.items()}
                status, headers, answer = account.answer(self.command, self.path, names, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"
