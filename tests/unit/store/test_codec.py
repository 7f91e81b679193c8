"""What the store writes it can read, whatever the names and labels contain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack
from msgspec.structs import replace

from bridge.model import Alert, AlertStatus, Phase, Post, Progress, Retry, Severity, Withheld
from bridge.store import codec, posts
from bridge.store.alert_record import unpack_alert
from tests.unit.store.builders import firing, to

if TYPE_CHECKING:
    from bridge.store.codec import Item

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text("abc_-|", min_size=1, max_size=5)
PLAIN = st.text("abc_", min_size=1, max_size=5)


def packed(items: list[Item]) -> tuple[list[Any], list[Any]]:
    """What ``ingest.lua`` reads: the routings and the alerts."""
    routings, alerts, *_ = codec.pack_call([items])
    return msgpack.decode(routings), msgpack.decode(alerts)


def test_alerts_of_one_routing_share_it_but_for_who_is_acknowledged():
    shop, bank = to("shop"), to("bank")
    items = [(firing("a"), shop), (firing("b"), bank), (firing("c"), shop), (firing("d", acknowledged=True), shop)]
    routings, alerts = packed([*items, (firing("e"), None)])
    assert [(routing[0], routing[3].endswith("\na")) for routing in routings] == [
        ("shop", False),
        ("bank", False),
        ("shop", True),
    ]
    assert alerts[5::8] == [1, 2, 1, 3, 0]


def test_a_routing_that_takes_the_place_of_another_in_memory_is_not_taken_for_it(monkeypatch):
    monkeypatch.setattr(codec, "PACKED_BYTES", 10_000)
    for number in range(1_000):
        (routing,), _ = packed([(firing(), to(f"shop-{number}"))])
        assert routing[0] == f"shop-{number}"


def test_the_memory_of_routings_is_bounded_by_their_bytes(monkeypatch):
    monkeypatch.setattr(codec, "PACKED_BYTES", 10_000)
    memory = codec.RoutingMemory()
    sizes = []
    for number in range(100):
        memory(to(f"shop-{number}", labels={"pod": "x" * 1_000}), acknowledged=False)
        sizes.append(memory.size)
    assert 10_000 < max(sizes) < 12_000


@given(
    services=st.lists(NAME, min_size=1, max_size=3, unique=True),
    severity=st.sampled_from(Severity),
    labels=st.dictionaries(PLAIN, TEXT, max_size=3),
    acknowledged=st.booleans(),
)
def test_the_sums_of_one_alert_are_what_routing_said_of_it(services, severity, labels, acknowledged):
    routed = to(services=tuple(services), severity=severity, labels=labels)
    lines = [line for line in codec.facets(routed, acknowledged=acknowledged).split("\n") if line]
    fields = {"route": b"r", "episode": b"1", "rev": b"1", "firing": b"1"}
    summary = codec.unpack_incident("id", fields, dict.fromkeys(lines, b"1"), None).summary
    assert summary.services == dict.fromkeys(sorted(services), severity)
    assert {name: values[0] for name, values in summary.labels.items()} == {
        name: value.replace("\n", " ").replace("\0", " ") for name, value in sorted(labels.items())
    }
    assert summary.acknowledged == acknowledged
    assert summary.severity is severity


def test_an_incident_takes_each_services_highest_severity():
    counts = {"s|cart|1": b"5", "s|cart|4": b"1", "s|cart|2": b"3", "s|shop|2": b"1"}
    fields = {"route": b"r", "episode": b"1", "rev": b"1"}
    summary = codec.unpack_incident("id", fields, counts, None).summary
    assert summary.services == {"cart": Severity.CRITICAL, "shop": Severity.MEDIUM}


@given(phase=st.sampled_from(Phase), note=st.none() | TEXT, parked=st.none() | TEXT, phase_since=st.integers(0, 2**52))
def test_progress_survives_the_store(phase, note, parked, phase_since):
    progress = Progress(
        phase=phase, phase_since=phase_since, note=note, posts={"v1": Post(retry=Retry(parked=parked, at=phase_since))}
    )
    fields = {"route": b"r", "episode": b"1", "rev": b"1"}
    packed = codec.pack_progress(progress)
    assert codec.unpack_incident("id", fields, {}, packed).progress == progress


@given(source=PLAIN, fingerprint=st.text("ab/%0", min_size=1), instant=st.integers(0, 2**52), why=st.lists(TEXT))
def test_an_alert_survives_the_store(source, fingerprint, instant, why):
    alert = replace(firing(fingerprint, starts_at=instant), source=source)
    (routing,), (name, _, starts, ends, observed, number, *_) = packed([(alert, to(why=tuple(why)))])
    assert number == 1
    facets, opaque = routing[3:5]
    record = ["F", starts, ends, observed, 0, 7, facets, opaque]
    counted = unpack_alert(name.encode(), msgpack.encode(record))
    assert (counted.source, counted.fingerprint, counted.starts_at) == (source, fingerprint, instant)
    assert (counted.status, counted.ends_at, counted.seen_at, counted.why) == ("firing", None, 7, tuple(why))


def test_an_acknowledged_alert_that_resolved_is_no_longer_acknowledged():
    alert = Alert(source="pd", fingerprint="a", status=AlertStatus.ACKNOWLEDGED, labels={}, starts_at=1)
    (routing,), _ = packed([(alert, to())])
    opaque = routing[4]
    record = ["R", 1, 2, 0, 3, 3, "a", opaque]
    assert unpack_alert(b"pd/a", msgpack.encode(record)).status == "resolved"


CREATED, CLOSED = {"remote_id": "r", "status": Phase.MONITORING}, {"remote_id": "r", "closed_at": 1}


@pytest.mark.parametrize(
    ("phase", "post", "counts"),
    [
        (Phase.INVESTIGATING, {}, True),
        (Phase.IDENTIFIED, {}, True),
        (Phase.MONITORING, {}, False),
        (Phase.RESOLVED, {}, False),
        (Phase.DISCARDED, {}, False),
        (Phase.MONITORING, CREATED, True),
        (Phase.RESOLVED, CREATED, True),
        (Phase.RESOLVED, CLOSED, False),
        (Phase.RESOLVED, {"remote_id": "r", "status": Phase.RESOLVED}, False),
    ],
)
@pytest.mark.parametrize(
    ("trouble", "name", "is_there"),
    [
        ({"retry": Retry(parked="400")}, "parked", 1),
        ({"second_writer": "x"}, "withheld", {"second_writer": 1}),
        ({"withheld": Withheld(reason="budget", since=1)}, "withheld", {"budget": 1}),
    ],
)
def test_trouble_counts_while_something_can_still_be_written(phase, post, counts, trouble, name, is_there):
    progress = Progress(phase=phase, posts={"v1": Post(**post, **trouble)})
    _, marked = posts.unpack_tallies({posts.tally(progress).encode(): b"1"})
    assert posts.in_trouble(marked)[name] == (is_there if counts else type(is_there)())
    assert progress.is_ongoing(progress.posts["v1"]) == counts


def test_a_parked_write_is_tallied_beside_the_phase():
    parked = Progress(phase=Phase.INVESTIGATING, posts={"v1": Post(retry=Retry(parked="no such service"))})
    theirs = Progress(phase=Phase.INVESTIGATING, posts={"v1": Post(closed_at=1, theirs_at=2)})
    words = [posts.tally(progress) for progress in (Progress(), parked, theirs, Progress(phase=Phase.INVESTIGATING))]
    assert len(set(words)) == 4
    phases, marked = posts.unpack_tallies({word.encode(): b"2" for word in words})
    assert phases == {"PENDING": 2, "INVESTIGATING": 6}
    assert posts.in_trouble(marked) == {"parked": 2, "theirs": 2, "withheld": {}}
