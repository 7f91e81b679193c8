"""Who sent a request that proved nothing: their addresses, and a log of them that they cannot fill."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Final

from bridge.telemetry import THROTTLE_S, Event, log_throttled

if TYPE_CHECKING:
    from starlette.types import Scope

ADDRESSES_LOGGED: Final = 20  # addresses a minute, in the log
OTHERS: Final = "others"


def address_of(scope: Scope) -> str:
    """The peer's address, a proxy's where one stands in front; of IPv6 its network of 64 bits, which is one site."""
    client = scope.get("client")
    if not client:
        return ""
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return str(client[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


class UnauthenticatedLog:
    """Log events that requests without credentials cause: at most one a minute and address, and one for all others."""

    def __init__(self) -> None:
        self._told_apart: set[str] = set()
        self._since = 0.0

    def log(
        self, event: Event, address: str, example: Mapping[str, str | None] | None = None, **fields: Hashable
    ) -> None:
        """Count, and log if it is time. What may be many goes into the ``example``."""
        now = time.monotonic()
        if now - self._since >= THROTTLE_S:
            self._since = now
            self._told_apart.clear()
        if len(self._told_apart) < ADDRESSES_LOGGED:
            self._told_apart.add(address)
        told = address if address in self._told_apart else OTHERS
        log_throttled(event, 1, now=None, example=example, address=told, **fields)


unauthenticated_log = UnauthenticatedLog()
