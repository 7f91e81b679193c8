"""What may stand between a bridge and a real Alertmanager, and make of its answers what a test wants."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

if TYPE_CHECKING:
    from tests.servers.alertmanager import Alertmanager

WAYS = ("html", "cut", "empty", "refuses", "redirects", "hangs", "unknown state")


class Veil(ThreadingHTTPServer):
    """Passes an Alertmanager's answers on. ``way`` is how it spoils its lists, one of WAYS, or empty.

    ``ahead_s`` moves the clock that its answers show.
    """

    daemon_threads = True

    def __init__(self, peer: Alertmanager) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.peer = peer
        self.way = ""
        self.ahead_s = 0
        self.lists = 0
        self.released = threading.Event()
        self.http = httpx.Client(timeout=10)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where a bridge asks."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()
        self._thread.join()
        self.http.close()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up, or a peer that is down, is expected."""


class _Handler(BaseHTTPRequestHandler):
    server: Veil

    def do_GET(self) -> None:
        veil = self.server
        answer = veil.http.get(veil.peer.url + self.path)
        is_list = "/status" not in self.path
        veil.lists += is_list
        way = veil.way if is_list else ""
        body = _spoiled(way, self._moved(answer))
        if way == "hangs":
            veil.released.wait()
        self.send_response_only({"refuses": 401, "redirects": 302}.get(way, 200))
        date = parsedate_to_datetime(answer.headers["date"]) + timedelta(seconds=veil.ahead_s)
        self.send_header("Date", format_datetime(date, usegmt=True))
        self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(body) * (2 if way == "cut" else 1)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _moved(self, answer: httpx.Response) -> bytes:
        """The answer by a clock that is ahead."""
        ahead = timedelta(seconds=self.server.ahead_s)
        found: Any = answer.json()
        for each in found if isinstance(found, list) else [found]:
            for name in ("uptime", "updatedAt"):
                if name in each:
                    each[name] = (datetime.fromisoformat(each[name]) + ahead).isoformat()
        return msgspec.json.encode(found)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _spoiled(way: str, body: bytes) -> bytes:
    match way:
        case "html":
            return b"<!doctype html><title>Sign in</title>"
        case "cut":
            return body[: len(body) // 2]
        case "empty":
            return b"[]"
        case "unknown state":
            return body.replace(b'"active"', b'"sleeping"')
    return body
