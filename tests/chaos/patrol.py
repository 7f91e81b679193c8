"""A sender like any other, and a liveness probe, while something else is afoot: what they notice of it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from tests.servers import Bridge

_EVERY_S = 0.1
_PATIENCE_S = 60.0


class Patrol:
    """As a context: delivers one body over and over, and asks whether the bridge is alive, each on a new connection.

    ``refused`` counts the deliveries that were not accepted, ``slowest_s`` is how long one took at most, ``silent_s``
    how long the bridge took at most to say that it is alive.
    """

    def __init__(self, bridge: Bridge, body: bytes) -> None:
        self._bridge = bridge
        self._body = body
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._walk)
        self.deliveries = 0
        self.refused = 0
        self.slowest_s = 0.0
        self.silent_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def __str__(self) -> str:
        return (
            f"of {self.deliveries} deliveries meanwhile {self.refused} were refused, the slowest took "
            f"{self.slowest_s:.1f} s, /healthz {self.silent_s:.1f} s"
        )

    def _walk(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self.deliveries += 1
            self.refused += self._status("POST", self._bridge.webhook, self._body) != httpx.codes.ACCEPTED
            looked = time.monotonic()
            self._status("GET", f"{self._bridge.url}/healthz")
            self.slowest_s = max(self.slowest_s, looked - began)
            self.silent_s = max(self.silent_s, time.monotonic() - looked)
            self._over.wait(_EVERY_S)

    def _status(self, method: str, url: str, body: bytes | None = None) -> int:
        headers = {"Authorization": f"Bearer {self._bridge.alertmanager_token}"}
        try:
            return httpx.request(method, url, content=body, headers=headers, timeout=_PATIENCE_S).status_code
        except httpx.TransportError:
            return 0
