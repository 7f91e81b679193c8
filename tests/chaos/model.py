"""The model test for as many steps as wanted: store, lifecycle and reconciler, in one process, against a reference.

With a policy: budgets, flapping, and operators who act. In the end nothing is kept back any more.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

import structlog
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.chaos.campaign import Trial
from tests.chaos.checker import Verdict
from tests.unit.reconciler.policy_machine import PolicyMachine

if TYPE_CHECKING:
    from tests.chaos.campaign_servers import CampaignServers

_ALONE = Lock()  # Hypothesis parses source code; Python 3.11 cannot in two threads (SystemError: AST constructor)
STORIES = 25
STEPS = 100
_SETTINGS = settings(
    max_examples=STORIES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Model:
    """25 stories of up to 100 steps each; a counterexample is told at its shortest."""

    name = "model"
    runs = 50

    def trial(self, servers: CampaignServers, seed_: int) -> Trial:
        class Machine(PolicyMachine):
            url = servers.redis.url

        structlog.configure(processors=[_drop])
        test = seed(seed_)(get_state_machine_test(Machine, settings=_SETTINGS))
        broken: tuple[str, ...] = ()
        try:
            with _ALONE:
                test()
        except Exception as error:  # noqa: BLE001 - whatever was raised, the story that led there is wanted
            broken = (f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ()))
        return Trial(
            case=f"{STORIES} stories of up to {STEPS} steps",
            faults=Machine.faults,
            verdict=Verdict(wrong=broken),
            events=Counter(steps=Machine.steps),
        )


def _drop(*_: Any) -> NoReturn:
    """The bridge's own log lines are of no interest here."""
    raise structlog.DropEvent
