"""The same stories with a policy: small budgets, outages that flap soon, and operators who hold, end and mute."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bridge.core.actions import Action
from bridge.orders import Verb
from tests.unit.reconciler.machine import BridgeMachine
from tests.unit.reconciler.page_harness import MINUTE
from tests.unit.reconciler.senders import configs, policies
from tests.unit.store.reference_orders import Act

NUMBERS = st.integers(0, len(policies()) - 1)
VERBS = st.sampled_from(
    [
        *("hold", "hold", "release", "publish", "publish", "dismiss", "say", "resolve"),
        *("take-over", "take-over", "hand-back", "hand-back", "retry"),
    ]
)
SPANS = st.sampled_from([None, 2 * MINUTE, 10 * MINUTE])


class PolicyMachine(BridgeMachine):
    """Once nothing is kept back any more, the page must show what it would without a policy."""

    may_be_quiet = True

    @rule(number=NUMBERS, replicas=st.lists(st.sampled_from([0, 1]), unique=True))
    def the_policy_changes(self, number, replicas):
        """Receivers have it at once, the replicas' reconcilers maybe later."""
        self.config = policies()[number]
        for nth in replicas:
            self.replicas[nth].live.current = self.config

    @precondition(lambda self: self.expectation.incidents)
    @rule(
        data=st.data(),
        verb=VERBS,
        by=st.sampled_from(["alice", "bob"]),
        seen=st.sampled_from([None, None, None, 0, 1]),
        key=st.sampled_from(["", "", "one"]),
        for_ms=SPANS,
    )
    def an_operator_acts(self, data, verb, by, seen, key, for_ms):
        """On what they saw just now, or one change ago, or without saying."""
        id_ = data.draw(st.sampled_from(sorted(self.expectation.incidents)))
        revision = None if seen is None else self.expectation.incidents[id_].revision - seen
        for_ms = for_ms if verb == "hold" else None
        text = f"Words {next(self.numbers)}." if verb == "say" else ""
        self.act(id_, Act(verb, by, revision=revision, key=key, for_ms=for_ms, text=text))

    @precondition(lambda self: self.expectation.index)
    @rule(data=st.data(), verb=st.sampled_from(["mute", "mute", "unmute"]), for_ms=SPANS)
    def an_operator_mutes(self, data, verb, for_ms):
        name = data.draw(st.sampled_from(sorted(self.expectation.index)))
        if self.expectation.may_mute(name):
            self.act(self.expectation.index[name], Act(verb, "alice", for_ms=for_ms, alert=name))

    def act(self, id_: str, act: Act) -> None:
        self.advance(1)
        expected = self.expectation.act(id_, act)
        action = Action(
            verb=Verb(act.verb),
            by=act.by,
            revision=act.revision,
            key=act.key,
            for_ms=act.for_ms,
            alert=act.alert,
            text=act.text,
        )
        result = self.runner.run(self.store.act(id_, action))
        self.demand([f"{act} came to {result}, expected {expected}"] * (result.outcome != expected))

    def nothing_is_kept_back(self) -> None:
        """Operators let go, and there are no budgets any more."""
        for id_, incident in self.expectation.incidents.items():
            for verb, end in (("take-over", "hand-back"), ("hold", "release")):
                if verb in incident.orders:
                    self.act(id_, Act(end, "alice"))
        if self.config in policies():
            self.config = policies()[policies().index(self.config) % len(configs())]
