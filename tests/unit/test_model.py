from __future__ import annotations

import msgspec
import pytest

from bridge.model import Incident, Phase, Post, Progress, Severity, Summary


def test_severities_are_ordered_from_bad_to_worse() -> None:
    assert sorted(Severity) == [Severity.MINOR, Severity.MEDIUM, Severity.MAJOR, Severity.CRITICAL]


@pytest.mark.parametrize(
    ("services", "severity"),
    [
        ({}, None),
        ({"checkout": Severity.MINOR}, Severity.MINOR),
        ({"checkout": Severity.MINOR, "payments": Severity.CRITICAL, "search": Severity.MAJOR}, Severity.CRITICAL),
    ],
)
def test_an_incident_is_as_bad_as_its_worst_service(services: dict[str, Severity], severity: Severity | None) -> None:
    assert Summary(services=services).severity is severity


@pytest.mark.parametrize(
    ("remote_id", "status", "is_open"),
    [
        (None, Phase.PENDING, False),
        (None, Phase.RESOLVED, False),
        ("remote", Phase.INVESTIGATING, True),
        ("remote", Phase.MONITORING, True),
        ("remote", Phase.RESOLVED, False),
    ],
)
def test_readers_see_an_incident_as_ongoing_until_it_is_resolved(
    remote_id: str | None, status: Phase, is_open: bool
) -> None:
    assert Post(remote_id=remote_id, status=status).is_open is is_open


def test_progress_survives_the_store() -> None:
    post = Post(remote_id="remote", status=Phase.MONITORING, severity=Severity.MAJOR, services=("checkout",))
    progress = Progress(phase=Phase.MONITORING, phase_since=5, posts={"page": post})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(progress), type=Progress) == progress


def test_progress_of_an_older_bridge_is_read_with_defaults_and_of_a_newer_one_without_what_is_unknown() -> None:
    older, newer = {"phase": "MONITORING"}, {"phase": "RESOLVED", "unheard_of": 1}
    assert msgspec.convert(older, Progress) == Progress(phase=Phase.MONITORING)
    assert msgspec.convert(newer, Progress) == Progress(phase=Phase.RESOLVED)


def test_incidents_do_not_share_their_defaults() -> None:
    one, other = (Incident(id=name, key=name, route="r") for name in "ab")
    assert one.progress.posts == {}
    assert one.group is not other.group
