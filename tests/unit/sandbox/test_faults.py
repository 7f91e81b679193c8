from __future__ import annotations

import msgspec
import pytest

from bridge.sandbox.faults import Answer, AnyFault, Drop, Faults, Hold

POST, PATH = "POST", "/v1/status-pages/incidents"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", PATH, True),
        (PATH, PATH, True),
        (PATH, f"{PATH}/x", False),
        (f"{PATH}/*", f"{PATH}/x", True),
        (f"{PATH}/*", f"{PATH}/x/incident-updates", False),
        (f"{PATH}/*/incident-updates", f"{PATH}/x/incident-updates", True),
        (f"{PATH}/**", f"{PATH}/x/incident-updates", True),
        ("/v1/status.pages/incidents", PATH, False),
    ],
)
def test_a_fault_matches_paths_by_pattern(pattern: str, path: str, matches: bool) -> None:
    assert Drop(path=pattern).matches(POST, path) is matches


def test_a_fault_matches_methods() -> None:
    assert Drop(method="POST").matches("POST", PATH)
    assert not Drop(method="POST").matches("GET", PATH)


def test_faults_strike_in_their_order_and_wear_out() -> None:
    faults = Faults()
    first, second = Drop(count=2), Hold(skip=1, count=None)
    faults.queue += [first, second]
    assert [faults.take(POST, PATH) for _ in range(5)] == [first, first, None, second, second]
    assert faults.queue == [second]


def test_a_skipping_fault_counts_the_calls_that_another_takes() -> None:
    faults = Faults()
    third, every = Drop(skip=2), Hold(count=None)
    faults.queue += [third, every]
    assert [faults.take(POST, PATH) for _ in range(4)] == [every, every, third, every]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "explode"},
        {"kind": "drop", "when": "now"},
        {"kind": "delay"},
        {"kind": "drop", "count": 0},
        {"kind": "answer", "status": 99},
        {"kind": "answer", "body": "empty"},
    ],
)
def test_a_wrong_fault_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fault, AnyFault)


def test_an_answer_may_keep_the_genuine_status_after_the_commit() -> None:
    assert Answer(commit=True, body="empty").status is None
