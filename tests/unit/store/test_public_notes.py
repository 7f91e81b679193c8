"""Words for the public are kept with the incident that counts their alert, each once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import PublicNote
from tests.unit.store.builders import END, MINUTE, firing, keys, resolved, to
from tests.unit.store.statements import WEEK_MS


def public_note(text: str = "We are rolling back.", *, event: str = "e1", alert: str = "a") -> PublicNote:
    return PublicNote(source="alertmanager", fingerprint=alert, text=text, observed_at=END, event_id=event)


async def kept(store) -> tuple[PublicNote, ...]:
    summary = (await store.claim(token="t", lease_ms=1)).incident.summary
    assert all(each.kept_at >= summary.firing_since for each in summary.public_notes)
    return tuple(replace(each, kept_at=0) for each in summary.public_notes)


async def test_a_remark_makes_its_incident_due(store):
    await store.ingest([(firing(), to())])
    claim = await store.claim(token="first", lease_ms=30_000)
    assert await store.settle(claim, due=None)
    assert await store.public_note(public_note()) == "kept"
    assert await kept(store) == (public_note(),)


async def test_readers_of_an_incident_see_what_it_will_tell(store):
    await store.ingest([(firing(), to())])
    await store.public_note(public_note())
    ((listed,),) = [part async for part in store.incidents()]
    shown = await store.incident(listed.id, count=1, after=0)
    for incident in (listed, shown.incident):
        assert [each.text for each in incident.summary.public_notes] == ["We are rolling back."]


async def test_a_remark_told_twice_is_kept_once(store):
    await store.ingest([(firing(), to())])
    told = (public_note(), public_note(), public_note("Fixed.", event="e2"))
    assert [await store.public_note(each) for each in told] == ["kept", "repeat", "kept"]
    assert await kept(store) == (public_note(), public_note("Fixed.", event="e2"))


async def test_a_remark_on_what_nothing_counts_is_not_kept(store, db):
    assert await store.public_note(public_note()) == "unknown"
    assert keys(db) == []


@pytest.mark.parametrize(("age_ms", "outcome"), [(WEEK_MS, "stale"), (WEEK_MS - MINUTE, "kept")])
async def test_a_remark_that_may_be_a_replay_is_not_published(store, clock, age_ms, outcome):
    await store.ingest([(firing(), to())])
    assert await store.public_note(replace(public_note(), observed_at=clock.now - age_ms)) == outcome
    assert len(await kept(store)) == (outcome == "kept")


async def test_only_the_newest_remarks_are_kept(store):
    await store.ingest([(firing(), to())])
    for number in range(25):
        await store.public_note(public_note(str(number), event=str(number)))
    assert [each.text for each in await kept(store)] == [str(number) for number in range(5, 25)]


@pytest.mark.usefixtures("clock")
async def test_remarks_go_with_their_incident(store, db):
    await store.ingest([(firing(), to())])
    await store.public_note(public_note())
    await store.ingest([(resolved(), to())])
    claim = await store.claim(token="t", lease_ms=30_000)
    assert await store.drop(claim)
    assert not [name for name in db.keys("*") if b"notes" in name]
