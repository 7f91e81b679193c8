"""Ready is who takes deliveries: what Redis refuses to a delivery, it refuses to the readiness check."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.scenarios.vocabulary import Outage, alert, logged, metric, payload
from tests.servers import Bridge, Redis, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.scenarios.vocabulary import Page

RIGHTS = ("~bridge:*", "&*", "+@all")
BURST = 1_600  # requests, on as many connections
BURSTS = 3  # what is known is a second old by the next
LACKS = {"no scripts": "-@scripting", "no clock": "-time", "no hashes": "-@hash"}


def code(bridge: Bridge) -> int:
    return httpx.get(f"{bridge.url}/readyz").status_code


@pytest.mark.needs("redis-server")
@pytest.mark.parametrize("lack", LACKS.values(), ids=LACKS.keys())
def test_a_user_of_redis_that_lacks_a_right_makes_it_unready_and_a_granted_right_ready(
    tmp_path: Path, start_bridge: Callable[..., Bridge], page: Page, lack: str
) -> None:
    with Redis(tmp_path / "redis") as redis, redis.client() as look:
        look.execute_command("ACL", "SETUSER", "bridge", "on", ">pw1", *RIGHTS, "-client")
        bridge = start_bridge(redis_url=f"redis://bridge:pw1@127.0.0.1:{redis.port}/0")
        look.execute_command("ACL", "SETUSER", "bridge", lack)
        eventually(lambda: code(bridge) == 503, "it is unready")
        assert metric(bridge, "bridge_store_available") == 0
        assert bridge.deliver(payload(alert(service="checkout"))).status_code == 503
        (refused, *_) = logged(bridge, "store_unavailable")
        assert "NoPermissionError" in refused["reason"]
        assert "docs/how-to/redis.md" in refused["reason"]

        look.execute_command("ACL", "SETUSER", "bridge", "+@all", "-client")
        eventually(lambda: code(bridge) == 200, "it is ready")
        logged(bridge, "store_recovered")
        assert metric(bridge, "bridge_store_available") == 1
        Outage(bridge).fires()
        page.shows(status="INVESTIGATING", services=("Checkout",), statuses=["INVESTIGATING"])


def test_a_burst_of_checks_is_answered_by_one(bridge: Bridge) -> None:
    async def burst() -> Counter[bytes]:
        streams = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", bridge.port) for _ in range(BURST)))
        for _, writer in streams:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
        for _, writer in streams:
            writer.close()
        return Counter(answer[:12] for answer in answers)

    for _ in range(BURSTS):
        assert asyncio.run(burst()) == {b"HTTP/1.1 200": BURST}
    assert metric(bridge, "bridge_store_available") == 1
