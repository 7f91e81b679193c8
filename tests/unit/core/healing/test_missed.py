"""What a cluster holds for our receiver, and when that counts as never delivered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.core.healing.missed import OLD_MS, Held, InGroup, hold, to_take_over
from bridge.model import AlertStatus, Routed, Severity
from tests.unit.core.healing.cluster_harness import START, cluster

LABELS = {"alertname": "Down", "service": "checkout", "empty": "", "__sender__": "forged"}
OLD = InGroup(fingerprint="a1", starts_at=START, age_ms=OLD_MS + 1, is_active=True, labels=LABELS)
YOUNG = replace(OLD, age_ms=OLD_MS)
QUIET = replace(OLD, is_active=False)
EU = replace(cluster(match="__sender__ = eu"), receiver="bridge")


def rounds(*peers_by_round):
    held: dict[str, Held] = {}
    for peers in peers_by_round:
        held = hold(held, peers, EU)
    return held


@pytest.mark.parametrize(
    ("peers_by_round", "was_missed"),
    [
        ([[[OLD]]], False),
        ([[[OLD]], [[OLD]]], True),
        ([[[OLD], []], [[], [OLD]]], True),
        ([[[YOUNG]], [[YOUNG]]], False),
        ([[[OLD]], [[QUIET]], [[OLD]]], False),
        ([[[OLD], [QUIET]], [[OLD], [QUIET]], [[OLD], [QUIET]]], False),
        ([[[OLD, QUIET]], [[OLD, QUIET]]], False),
        ([[[OLD]], [[]], [[OLD]]], False),
        ([[[OLD], [YOUNG]], [[OLD], [YOUNG]]], False),
    ],
    ids=[
        "one round",
        "two rounds",
        "on any peer",
        "not old yet",
        "kept quiet meanwhile",
        "kept quiet on one peer",
        "kept quiet in one group",
        "gone meanwhile",
        "not old on one peer",
    ],
)
def test_what_is_there_in_two_rounds_and_old_was_not_delivered(peers_by_round, was_missed):
    assert rounds(*peers_by_round)["a1"].was_missed == was_missed


def test_it_is_as_the_webhook_of_the_cluster_would_have_brought_it():
    alert = rounds([[OLD], [replace(OLD, starts_at=START - 5)]])["a1"].alert
    assert (alert.source, alert.sender, alert.fingerprint) == ("alertmanager", "eu", "a1")
    assert (alert.status, alert.starts_at, alert.name) == (AlertStatus.FIRING, START - 5, "Down")
    assert alert.labels == {
        "alertname": "Down",
        "service": "checkout",
        "__source__": "alertmanager",
        "__receiver__": "bridge",
        "__sender__": "eu",
    }


@pytest.mark.parametrize("match", ["", "region = eu", "__sender__ != us"])
def test_a_cluster_that_names_no_sender_delivers_by_the_path_without_a_name(match):
    held = hold({}, [[OLD]], replace(cluster(match=match), receiver="bridge"))
    assert held["a1"].alert.sender == ""
    assert "__sender__" not in held["a1"].alert.labels


def test_what_stands_open_on_a_page_is_taken_over():
    def to(id_: str) -> Routed:
        return Routed(
            key=id_,
            id=id_,
            route="shop",
            group={},
            severity=Severity.MINOR,
            services=("checkout",),
            labels={},
            hold_refire_ms=0,
            why=(),
        )

    assert to_take_over({"a1": to("A"), "a2": to("B"), "a3": to("A")}, {"A", "C"}) == {"a1", "a3"}
