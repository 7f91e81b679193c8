"""When an incident fired before, while two releases take in deliveries: what one has kept, the other leaves."""

from __future__ import annotations

import subprocess
import sys

from bridge.flap import Span
from bridge.store import Claim
from tests.unit.store.builders import LEASE_MS, START, firing, held_by, resolved, to
from tests.unit.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.upgrade.previous import ENVIRONMENT

STEP = 10_000
_TAKES_IN = """
import asyncio, sys
from bridge.model import Alert, AlertStatus, Progress, Routed, Severity
from bridge.store import Store
from bridge.store.connect import connect

async def main(url, *says):
    store = Store(connect(url))
    routed = Routed(
        key='shop-route{region="eu"}', id="shop", route="shop-route", group={"region": "eu"}, severity=Severity.MAJOR,
        services=("checkout",), labels={}, hold_refire_ms=0, why=(),
    )
    for nth, word in enumerate(says):
        if word == "record":
            claim = await store.claim(token="old", lease_ms=30_000)
            assert await store.record(claim, Progress(note="of the previous release"), lease_ms=30_000)
            assert await store.settle(claim, due=None)
            continue
        alert = Alert(
            source="alertmanager", fingerprint="old", status=AlertStatus(word), labels={},
            starts_at=%d + 10_000 * nth, ends_at=%d + 10_000 * nth + 1 if word == "resolved" else None,
        )
        await store.ingest([(alert, routed)])
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def previous_takes_in(url: str, *says: str) -> None:
    code = _TAKES_IN % (START, START)
    subprocess.run([sys.executable, "-P", "-c", code, url, *says], env=ENVIRONMENT, check=True)


async def test_returns_outlast_what_the_previous_release_writes_and_are_counted_once_each(store, redis_url):
    for nth in range(2):
        await store.ingest([(firing("new", starts_at=START + nth * STEP), to())])
        await store.ingest([(resolved("new", ends_at=START + nth * STEP + 1), to())])
    await store.ingest([(firing("new", starts_at=START + 2 * STEP), to())])
    ours = (await held_by(store))[0].summary.earlier
    assert len(ours) == 2
    previous_takes_in(redis_url, "record", "firing", "resolved")  # our alert fires all the while: no return
    incident, _ = await held_by(store)
    assert (incident.summary.earlier, incident.progress.note) == (ours, "of the previous release")
    await store.ingest([(resolved("new", ends_at=START + 3 * STEP), to())])
    previous_takes_in(redis_url, "firing", "resolved", "firing", "resolved")  # of two returns, it keeps neither
    claim = await store.claim(token="t", lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    assert claim.incident.summary.earlier == ours
    await store.ingest([(firing("new", starts_at=START + 4 * STEP), to())])
    *before, last = (await held_by(store))[0].summary.earlier
    assert (tuple(before), len(before)) == (ours, 2)
    summary = claim.incident.summary
    assert last == Span(summary.firing_since, summary.cleared_at), "the last outage that the previous release saw"
