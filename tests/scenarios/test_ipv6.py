"""Everything by IPv6: the senders, Redis, Checkly, and the command line."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.scenarios.vocabulary import Outage, Page, command
from tests.servers import Bridge, Redis, Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("redis-server"),
    pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this kernel has no IPv6"),
]


class ByIPv6:
    """A server that listens on ``::1`` alone."""

    port: int

    @property
    def url(self) -> str:
        return f"http://[::1]:{self.port}"

    def command(self) -> Sequence[str | Path]:
        words: Sequence[str | Path] = super().command()  # type: ignore[misc]  # of the server that it is mixed into
        return ["::1" if word == "127.0.0.1" else word for word in words]


class NearRedis(ByIPv6, Redis):
    @property
    def url(self) -> str:
        return f"redis://[::1]:{self.port}/0"


class NearSandbox(ByIPv6, Sandbox):
    pass


class DefaultBridge(ByIPv6, Bridge):
    """A bridge that listens as it does when nobody says where."""

    def command(self) -> Sequence[str | Path]:
        words = super().command()
        at = words.index("--host")
        return [*words[:at], *words[at + 2 :]]


def test_an_outage_is_published_by_ipv6_and_the_bridge_is_reached_by_both(tmp_path: Path, config: Path) -> None:
    with (
        NearRedis(tmp_path / "redis") as redis,
        NearSandbox(tmp_path / "sandbox", services=["Checkout", "Payments", "Search"]) as sandbox,
        DefaultBridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis.url) as bridge,
    ):
        Outage(bridge).fires()
        Page(sandbox).shows(status="INVESTIGATING", services=("Checkout",))
        assert httpx.get(f"http://127.0.0.1:{bridge.port}/readyz").is_success
        for url in (bridge.url, f"http://localhost:{bridge.port}"):
            listed = command(
                "incidents", "list", "-o", "wide", "--url", url, environment={"ADMIN_TOKENS": bridge.admin_token}
            )
            assert "checkout" in listed.stdout, listed.stderr
