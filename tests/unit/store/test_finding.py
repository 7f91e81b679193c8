"""Alerts are found by fingerprint and by name, and never by reading everything."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.store import Store
from bridge.store import finding as finding_module
from bridge.store.connect import connect
from bridge.store.told import PackedTold
from tests.unit.store.builders import firing, to

ORIGINS = [("alertmanager", ""), ("pagerduty", "")]


@pytest.fixture
async def store(redis_url):
    opened = Store(connect(redis_url), tell=lambda alert: PackedTold(text=f'["{alert.name}"]'))
    yield opened
    await opened.close()


def named(fingerprint: str, name: str, sender: str = ""):
    return replace(firing(fingerprint), name=name, sender=sender)


async def test_an_alert_is_found_by_its_fingerprint_whoever_sent_it(store):
    await store.ingest([(named("f1", "Errors"), to()), (named("f2", "Errors", sender="eu"), to("bank"))])
    (found,) = (await store.finder.by_fingerprint("f1", ORIGINS)).alerts
    assert (found.incident_id, found.alert.fingerprint, found.alert.name) == ("shop", "f1", "Errors")
    (found,) = (await store.finder.by_fingerprint("f2", ORIGINS)).alerts
    assert (found.incident_id, found.alert.sender) == ("bank", "eu")
    assert (await store.finder.by_fingerprint("f", ORIGINS)).alerts == []


@pytest.mark.parametrize("pattern", ["*", "f?", "[f]1", "f[^2]", "\\f1"])
async def test_a_fingerprint_is_no_pattern(store, pattern):
    await store.ingest([(named("f1", "Errors"), to())])
    assert (await store.finder.by_fingerprint(pattern, ORIGINS)).alerts == []


async def test_an_alert_is_found_by_its_name_once_in_each_incident(store):
    items = [(named(f"a{n}", "Errors"), to()) for n in range(3)] + [(named("b", "Errors"), to("bank"))]
    await store.ingest([*items, (named("c", "Errors too"), to("other"))])
    found = await store.finder.by_name("Errors")
    assert sorted(each.incident_id for each in found.alerts) == ["bank", "shop"]
    assert found.unsearched == ""
    (only,) = (await store.finder.by_name("Errors", ["bank"])).alerts
    assert only.alert.fingerprint == "b"
    assert (await store.finder.by_name("Error")).alerts == []


async def test_an_alert_is_found_by_its_name_among_thousands_of_its_incident(store):
    for start in range(0, 2_500, 500):
        await store.ingest([(named(f"f{n}", f"Flapped{n}"), to()) for n in range(start, start + 500)])
    for name in ("Flapped0", "Flapped1250", "Flapped2499"):
        (found,) = (await store.finder.by_name(name)).alerts
        assert (found.incident_id, found.alert.name) == ("shop", name)
    nothing = await store.finder.by_name("None of them")
    assert (nothing.alerts, nothing.unsearched) == ([], "")


async def test_no_more_than_so_many_are_searched(store, monkeypatch):
    monkeypatch.setattr(finding_module, "MOST_FURTHER", 1_000)
    await store.ingest([(named(f"f{n}", f"Flapped{n}"), to()) for n in range(2_500)])
    nothing = await store.finder.by_name("None of them")
    assert (nothing.alerts, nothing.unsearched) == ([], "of 1 incidents, about 100 alerts each were looked at")


async def test_what_is_not_searched_is_said(store, monkeypatch):
    monkeypatch.setattr(finding_module, "MOST_INCIDENTS", 3)
    await store.ingest([(named(f"f{n}", f"N{n}"), to(f"i{n}")) for n in range(6)])
    found = await store.finder.by_name("None of them")
    assert (found.alerts, found.unsearched) == ([], "of 3 incidents, about 100 alerts each were looked at")


async def test_more_than_a_few_of_one_name_are_not_all_given(store):
    await store.ingest([(named(f"f{n}", "Errors"), to(f"i{n}")) for n in range(9)])
    found = await store.finder.by_name("Errors")
    assert (len(found.alerts), found.unsearched) == (finding_module.MOST_FOUND, "there are more of this name")


async def test_a_search_for_a_fingerprint_ends(store, monkeypatch):
    monkeypatch.setattr(finding_module, "MOST_INDEXED", 1_000)
    monkeypatch.setattr(finding_module, "_INDEXED_A_PART", 500)
    await store.ingest([(firing(str(n)), to()) for n in range(4_000)])
    found = await store.finder.by_fingerprint("nobody's", ORIGINS)
    assert found.unsearched == "of the stored alerts, about 1000 were looked at"


async def test_a_refused_key_is_known(store):
    assert await store.finder.paused() is None
    await store.pause("401", now=1)
    assert await store.finder.paused() == "401"


async def test_fingerprints_that_nothing_counts_are_told_whatever_path_the_others_came_by(store):
    senders = {"f1": "", "f2": "eu", "f3": "other"}
    await store.ingest([(named(name, "Errors", sender=sender), to()) for name, sender in senders.items()])
    wanted = [*senders, "f4"]
    assert await store.finder.unknown("alertmanager", wanted, ["eu", ""]) == {"f4"}
    assert await store.finder.unknown("alertmanager", [], ["eu", ""]) == set()
    assert await store.finder.unknown("pagerduty", ["f1"], [""]) == {"f1"}
