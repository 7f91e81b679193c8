"""Redis moves to another server while alerts pour in: what was accepted is kept, what was refused comes again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from tests.scenarios.vocabulary import alert, iso, now_ms, payload, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.servers import Bridge

pytestmark = pytest.mark.needs("redis-server")

RECOVERY_S = 10.0
_PAUSE_S = 0.02


class Flood:
    """Delivers one alert after the other, each with another fingerprint, until it is left."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._sent: list[dict[str, Any]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.accepted: set[str] = set()
        self.refused: set[str] = set()
        self.others: list[int] = []

    def goes_on(self) -> None:
        """Wait until more deliveries are accepted."""
        enough = len(self.accepted) + 10
        eventually(lambda: len(self.accepted) >= enough, "more deliveries to be accepted")

    def ends(self) -> None:
        """Deliver that every alert has ended, whether it was accepted or not."""
        ended = [{**each, "status": "resolved", "endsAt": iso(now_ms())} for each in self._sent]
        assert self._bridge.deliver(payload(*ended)).status_code == httpx.codes.ACCEPTED

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE_S):
            sent = alert(instance=str(len(self._sent)))
            self._sent.append(sent)
            fingerprint, status = sent["fingerprint"], self._bridge.deliver(payload(sent)).status_code
            if status == httpx.codes.ACCEPTED:
                self.accepted.add(fingerprint)
            elif status == httpx.codes.SERVICE_UNAVAILABLE:
                self.refused.add(fingerprint)
            else:
                self.others.append(status)


@pytest.mark.parametrize(("redis_kind", "happens"), [("sentinel", "crash"), ("cluster", "move")])
def test_nothing_that_was_accepted_is_lost(start_bridge, page, config, redis_server, redis_kind, happens):
    if redis_kind == "sentinel":  # a replica must have what is accepted: it will be the primary
        write_configuration(config, store={"wait_replicas": 1})
    bridge = start_bridge()
    with Flood(bridge) as flood:
        flood.goes_on()
        opened = page.shows(status="INVESTIGATING")
        getattr(redis_server, happens)()
        began = time.monotonic()
        flood.goes_on()
        assert time.monotonic() - began < RECOVERY_S
    (incident,) = bridge.incidents()["incidents"]
    counted = {each["fingerprint"] for each in bridge.incident(incident["id"])["alerts"]}
    assert flood.accepted <= counted
    assert flood.others == []
    assert flood.refused or happens == "move"

    flood.ends()
    page.shows(id=opened.id, statuses=["INVESTIGATING", "MONITORING", "RESOLVED"])
    assert page.opened == 1
    assert len(page.mails) == 2
