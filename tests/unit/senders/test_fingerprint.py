from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.senders.fingerprint import SLICE_BYTES, Identifier
from bridge.senders.steps import run_at_once

FIXTURES = Path(__file__).parents[2] / "fixtures" / "alertmanager"


def fingerprint(labels: dict[str, str]) -> str:
    return run_at_once(Identifier().fingerprint(labels))


def captured_alerts() -> Iterator[Any]:
    for path in sorted(FIXTURES.glob("*.json")):
        data = json.loads(path.read_text())
        for body in [delivery["body"] for delivery in data["deliveries"]] if "deliveries" in data else [data]:
            yield from (pytest.param(alert, id=f"{path.stem}-{alert['fingerprint']}") for alert in body["alerts"])


@pytest.mark.parametrize("alert", list(captured_alerts()))
def test_equals_what_alertmanager_computed(alert):
    assert fingerprint(alert["labels"]) == alert["fingerprint"]


def test_no_labels_give_the_offset_basis():
    assert fingerprint({}) == "cbf29ce484222325"


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=5))
def test_does_not_depend_on_the_order_of_labels(labels):
    shuffled = dict(reversed(labels.items()))
    assert fingerprint(shuffled) == fingerprint(labels)


def test_names_and_values_do_not_run_together():
    assert fingerprint({"ab": "c"}) != fingerprint({"a": "bc"})


def test_much_is_computed_in_steps():
    steps = list(Identifier().fingerprint({"a": "x" * 20 * SLICE_BYTES}))
    assert len(steps) == 20


def test_many_small_label_sets_take_steps_together():
    identifier = Identifier()
    steps = [step for number in range(1_000) for step in identifier.fingerprint({"a": str(number), "b": "x" * 1_000})]
    assert len(steps) == 1_000_000 // SLICE_BYTES
