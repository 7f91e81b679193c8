from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bridge.telemetry import Event
from bridge.web.unauthenticated import ADDRESSES_LOGGED, OTHERS, UnauthenticatedLog, address_of


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("a proxy's socket", "a proxy's socket"),
    ],
)
def test_an_address_is_that_of_a_site(peer, address):
    assert address_of({"client": (peer, 1)}) == address
    assert address_of({}) == ""


def test_however_many_addresses_there_are_few_lines_are_written():
    unauthenticated_log = UnauthenticatedLog()
    with capture_logs() as lines:
        for number in range(5_000):
            unauthenticated_log.log(
                Event.ADMIN_UNAUTHORIZED, f"192.0.2.{number % 1_000}", {"sender": str(number)}, code=401
            )
    assert len(lines) == ADDRESSES_LOGGED + 1
    assert [line["address"] for line in lines][-1] == OTHERS
