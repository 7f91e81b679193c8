"""What the tests of the Checkly client share."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from bridge.checkly.client import Client

KEY = "cu_0123456789abcdef"
ACCOUNT = "7d1c0d1e-0000-4000-8000-00000000000a"
START = 1_790_000_000_000

Handler = Callable[[httpx.Request], httpx.Response]
ClientFor = Callable[..., Client]  # of a Handler, and the client's options


class Time:
    """A clock in milliseconds, set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now
