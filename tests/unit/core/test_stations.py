"""The six stations of an alert: where its way stopped, and what is to be done."""

from __future__ import annotations

import pytest

from bridge.core.stations import STATIONS, State, Way, way_of_incident, way_to_nowhere
from bridge.core.unpublished_way import Stop, way_of_unpublished
from bridge.model import (
    Ignored,
    Incident,
    Intent,
    Observed,
    Phase,
    Policy,
    Post,
    Progress,
    Retry,
    Severity,
    Summary,
    UpdateKind,
    Withheld,
    Write,
)
from tests.unit.core.configured import MINUTE, SECOND, START, config

CONFIG = config(Policy(publish_after_ms=MINUTE))
NOW = START + 10 * MINUTE
FIRING = Summary(firing=1, services={"checkout": Severity.MAJOR}, firing_since=START)
INTENT = Intent(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("checkout",),
    labels={},
    name="n",
    text="t",
    notify=False,
    public_at=START,
    recorded_at=START,
    unknown_at=START,
)


def stop_of(way: Way) -> tuple[str, str]:
    """Where a way stopped, and why; also that it has six stations, and nothing is passed after the stop."""
    assert tuple(each.station for each in way) == STATIONS
    states = [each.state for each in way]
    if State.STOPPED not in states:
        assert states == [State.PASSED] * 6
        return "", ""
    at = states.index(State.STOPPED)
    assert State.PASSED not in states[at + 1 :]
    assert way[at].remedy
    return way[at].station, way[at].why


def incident(post: Post | None = None, *, phase=Phase.INVESTIGATING, note=None, summary=FIRING) -> Incident:
    posts = {} if post is None else {"v1": post}
    progress = Progress(phase=phase, phase_since=START, posts=posts, note=note)
    return Incident(id="6MDQJYNPGN", key="shop", route="shop", summary=summary, progress=progress)


def way(found: Incident, *, now=NOW, paused=None, is_held=False) -> Way:
    return way_of_incident(found, CONFIG, now, paused=paused, delivered="firing", why="", is_held=is_held)


PUBLISHED = Post(remote_id="abc", status=Phase.INVESTIGATING)


@pytest.mark.parametrize(
    ("found", "station", "why"),
    [
        (incident(PUBLISHED), "", ""),
        (incident(Post(remote_id="abc", status=Phase.RESOLVED), phase=Phase.RESOLVED, summary=Summary()), "", ""),
        (incident(phase=Phase.DISCARDED, note="cleared within publish_after"), "old enough", "cleared within"),
        (incident(phase=Phase.PENDING, summary=Summary(held=1)), "old enough", "held: "),
        (incident(phase=Phase.PENDING, summary=Summary(cleared_at=START)), "old enough", "it cleared before"),
        (incident(Post(second_writer="xyz")), "allowed", "v1: xyz"),
        (
            incident(Post(withheld=Withheld(reason="budget", since=START, detail="full"))),
            "allowed",
            "v1: withheld for budget since 2026-09-21T14:13:20.000Z: full",
        ),
        (
            incident(Post(withheld=Withheld(reason="operator", since=START, detail="a drill", by="alice"))),
            "allowed",
            "v1: kept back by alice since 2026-09-21T14:13:20.000Z: a drill",
        ),
        (incident(phase=Phase.RESOLVED, note="not published: budget"), "allowed", "not published: budget; it is over"),
        (incident(phase=Phase.RESOLVED, note="cleared before it could be published"), "written", "cleared before"),
        (incident(), "written", "v1: not written yet"),
        (incident(phase=Phase.PENDING), "written", "v1: not written yet"),
        (incident(Post(retry=Retry(parked="400 Bad Request"))), "written", "v1: Checkly refuses the write: 400"),
        (incident(Post(retry=Retry(attempts=3, at=START))), "written", "v1: 3 tries failed in a row, the next at 2026"),
        (incident(Post(intent=INTENT)), "written", "v1: an answer of Checkly's got lost"),
        (
            incident(Post(remote_id="abc", closed_at=START)),
            "written",
            "v1: somebody ended it on the page or by `resolve`",
        ),
        (
            incident(Post(remote_id="abc", closed_at=START, theirs_at=START)),
            "written",
            "v1: somebody opened it again by hand",
        ),
        (
            incident(summary=Summary(firing=1, services={"gone": Severity.MAJOR}, firing_since=START)),
            "written",
            "no page of the configuration",
        ),
    ],
)
def test_the_first_thing_in_the_way_is_where_it_stopped(found, station, why):
    at, said = stop_of(way(found))
    assert (at, said[: len(why)]) == (station, why)


def test_what_is_too_young_says_how_long_it_still_takes():
    station, why = stop_of(way(incident(phase=Phase.PENDING), now=START + 18 * SECOND))
    assert station == "old enough"
    assert why == "not yet: it is published in 42s unless it clears (publish_after: 1m)"


def test_a_held_alert_of_an_open_incident_does_not_count_yet():
    assert stop_of(way(incident(PUBLISHED), is_held=True))[0] == "old enough"


def test_what_the_page_showed_is_said_with_its_age():
    post = Post(
        remote_id="abc",
        status=Phase.MONITORING,
        observed=Observed(at=START, status=Phase.INVESTIGATING, drift=("status",)),
    )
    found = way(incident(post, phase=Phase.MONITORING))
    assert found[-1].why == "v1: MONITORING (abc), seen as INVESTIGATING at 2026-09-21T14:13:20.000Z"


def test_while_the_key_is_refused_nothing_is_written():
    assert stop_of(way(incident(PUBLISHED), paused="401"))[1] == "every write waits: 401"


def test_what_stands_against_a_post_that_is_over_is_no_stop():
    post = Post(remote_id="abc", status=Phase.RESOLVED, retry=Retry(parked="400"))
    assert stop_of(way(incident(post, phase=Phase.RESOLVED, summary=Summary()))) == ("", "")


def stop(reason: str, **known: str) -> Stop:
    fields = dict.fromkeys(("route", "label", "value", "detail"), "")
    return Stop(reason=reason, delivered="once", nearest=known.pop("nearest", None), **fields | known)


@pytest.mark.parametrize(
    ("found", "station", "why"),
    [
        (stop("unusable", detail="$.alerts[].labels: expected"), "understood", "it cannot be understood: $.alerts"),
        (stop("stale", route="shop"), "understood", "it is older"),
        (
            stop("unmatched", label="team", value="shopp", nearest="shop"),
            "routed",
            "no route of bridge.yaml matches; of",
        ),
        (stop("ignored", route="tests"), "routed", 'route "tests" (no longer in the configuration) says ignore: true'),
        (stop("over_alerts", detail="limits.alerts"), "allowed", "not stored: there is no room under limits.alerts"),
    ],
)
def test_what_is_not_published_stops_where_that_was_decided(found, station, why):
    at, said = stop_of(way_of_unpublished(found, CONFIG))
    assert (at, said[: len(why)]) == (station, why)


def test_an_unknown_service_is_told_with_the_nearest_or_that_it_is_known_by_now():
    wrong = stop("unknown_service", route="shop", label="service", value="chekout", nearest="checkout")
    station, why = stop_of(way_of_unpublished(wrong, CONFIG))
    assert station == "routed"
    assert why.endswith('service is "chekout", which names no entry of services. Did you mean "checkout"?')
    right = stop("unknown_service", route="shop", label="service", value="checkout")
    assert stop_of(way_of_unpublished(right, CONFIG))[1].endswith("which the configuration has by now")


def test_what_was_never_delivered_still_says_where_it_would_go():
    found = way_to_nowhere(Ignored(reason="unmatched", why=()), "nothing", "look")
    assert (found[0].state, found[0].remedy) == (State.STOPPED, "look")
    assert (found[2].state, found[2].why) == (State.STOPPED, "it would not be published (unmatched)")
