"""Whoever reads the log may go away, stall, or run out of disk: deliveries reach the page all the same."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

from tests.scenarios.vocabulary import Outage
from tests.servers import Bridge

LINES = 3_000  # more than a pipe holds


@pytest.fixture(params=["gone", "stalled", "full"])
def log_to(request):
    """The descriptor of a log that nobody can use for long."""
    if request.param == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
        yield descriptor
        os.close(descriptor)
        return
    reader, writer = os.pipe()
    if request.param == "gone":
        os.close(reader)
    yield writer
    os.close(writer)
    if request.param == "stalled":
        os.close(reader)


def test_deliveries_are_taken_and_published_whatever_becomes_of_the_log(
    tmp_path, config, sandbox, page, own_redis, log_to
):
    bridge = Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=own_redis.url)
    bridge.errors_to = log_to
    outage = Outage(bridge)
    with bridge, httpx.Client() as client:
        for n in range(LINES):
            answer = client.post(bridge.webhook, content=b"{}", headers={"Authorization": f"Bearer wrong-{n}"})
            assert answer.status_code == httpx.codes.UNAUTHORIZED
        outage.fires()
        page.shows(status="INVESTIGATING")
        outage.ends()
        page.shows(status="RESOLVED")
        bridge.signal(signal.SIGTERM)
        assert bridge.wait() == 0
