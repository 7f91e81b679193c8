"""Store, lifecycle and reconciler together against a pure reference; `make chaos` goes on for 100,000 steps."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.reconciler.machine import BridgeMachine
from tests.unit.reconciler.policy_machine import PolicyMachine


def test_whatever_happens_the_bridge_keeps_its_promises(redis_url):
    class OnThisServer(BridgeMachine):
        url = redis_url

    run_state_machine_as_test(
        OnThisServer, settings=settings(max_examples=40, stateful_step_count=50, deadline=None, derandomize=True)
    )
    assert OnThisServer.steps > 1_000


def test_with_a_policy_too_and_the_page_is_as_without_one_when_nothing_is_kept_back_any_more(redis_url):
    class OnThisServer(PolicyMachine):
        url = redis_url

    run_state_machine_as_test(
        OnThisServer, settings=settings(max_examples=20, stateful_step_count=50, deadline=None, derandomize=True)
    )
    assert OnThisServer.steps > 500
