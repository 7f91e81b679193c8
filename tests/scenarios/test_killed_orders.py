"""Each verb of operators, with the bridge that took it killed right after its 202: it is carried out, and once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bridge.orders import Verb
from tests.scenarios.vocabulary import INCIDENTS, Outage, Page, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Bridge

WITHIN_S = 90  # the lease of who was killed ends after 30 s, and what it had in hand is read back
OPERATORS = {"OPERATOR_TOKENS": "alice:alice-secret"}
TIMES = {"publish_after": "1h", "resolve_after": "1s", "reopen_after": "10m", "hold_refire": "0", "flap": "off"}
WHEN = {Verb.HOLD: "soon", Verb.RELEASE: "soon", Verb.DISMISS: "soon", Verb.UNMUTE: "now"}  # is published by itself
ROUTES = [
    {"name": name, "match": f"when = {name}", "services": {"label": "service"}, "group_by": ["verb"], **more}
    for name, more in (("soon", {"publish_after": "15s"}), ("now", {"publish_after": "0"}), ("later", {}))
]
CASES = {
    Verb.HOLD: ("withheld: operator", []),
    Verb.RELEASE: ("open", ["INVESTIGATING"]),
    Verb.PUBLISH: ("open", ["INVESTIGATING"]),
    Verb.DISMISS: ("withheld: operator", []),
    Verb.SAY: ("open", ["INVESTIGATING", "IDENTIFIED"]),
    Verb.RESOLVE: ("closed by hand", ["INVESTIGATING", "RESOLVED"]),
    Verb.MUTE: ("resolved", ["INVESTIGATING", "RESOLVED"]),
    Verb.UNMUTE: ("open", ["INVESTIGATING", "RESOLVED", "INVESTIGATING"]),
    Verb.TAKE_OVER: ("taken over", ["INVESTIGATING"]),
    Verb.HAND_BACK: ("resolved", ["INVESTIGATING", "RESOLVED"]),
    Verb.RETRY: ("open", ["INVESTIGATING"]),
}
"""What each comes to: the word of the API for the page, and what readers saw, one after the other, but MONITORING."""


class Desk:
    """An incident for each verb, named after it, and the bridge that an operator asks."""

    def __init__(self, bridge: Bridge, page: Page) -> None:
        self.asked, self.bridge, self.page = bridge, bridge, page
        self.outages = {verb: Outage(bridge) for verb in Verb}

    def fires(self, *verbs: Verb) -> None:
        for verb in verbs:
            self.outages[verb].fires(verb=verb, when=WHEN.get(verb, "later"))

    def incident(self, verb: Verb) -> dict[str, Any]:
        (id_,) = (each["id"] for each in self.bridge.incidents()["incidents"] if each["group"] == {"verb": verb})
        found: dict[str, Any] = self.bridge.incident(id_)
        return found

    def shown(self, verb: Verb) -> list[str]:
        """What readers saw; MONITORING is left out where the end comes late, as after a lease that had to run out."""
        found = [each for each in self.page.incidents if each.name == f"Outage {verb}"]
        assert len(found) <= 1, found
        return [status for each in found for status in each.statuses if status != "MONITORING"]

    def is_shown(self, verb: Verb, *statuses: str) -> None:

        def is_so() -> bool:
            assert self.shown(verb) == list(statuses)
            return True

        eventually(is_so, f"{verb}: {statuses} on the page", within=WITHIN_S)

    def acts(self, verb: Verb, on: Verb | None = None, **fields: Any) -> None:
        """Do it, to the incident of this verb or of another one."""
        incident = self.incident(on or verb)
        if verb in {Verb.MUTE, Verb.UNMUTE}:
            fields["alert"] = incident["alerts"][0]["fingerprint"]
        if verb is Verb.SAY:
            fields |= {"text": "We know why.", "status": "IDENTIFIED"}
        asked = {"action": verb, "reason": "because", **fields}
        answer = httpx.post(
            f"{self.asked.url}/api/incidents/{incident['id']}/actions",
            json=asked,
            headers={"Authorization": "Bearer alice-secret"},
        )
        assert answer.status_code == httpx.codes.ACCEPTED, f"{verb}: {answer.text}"

    def prepares(self) -> None:
        """Bring each incident to where its verb is of use."""
        self.page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
        self.fires(Verb.RETRY)
        self.acts(Verb.PUBLISH, on=Verb.RETRY)
        eventually(lambda: self.incident(Verb.RETRY)["page"] == "refused", "one to be refused")
        self.page.sandbox.control("DELETE", "faults")
        public = [Verb.SAY, Verb.RESOLVE, Verb.MUTE, Verb.TAKE_OVER, Verb.HAND_BACK]
        self.fires(Verb.PUBLISH, Verb.UNMUTE, *public)
        for verb in public:
            self.acts(Verb.PUBLISH, on=verb)
        for verb in (*public, Verb.UNMUTE):
            self.is_shown(verb, "INVESTIGATING")
        self.acts(Verb.TAKE_OVER, on=Verb.HAND_BACK)
        self.outages[Verb.HAND_BACK].ends()
        self.acts(Verb.MUTE, on=Verb.UNMUTE)
        self.is_shown(Verb.UNMUTE, "INVESTIGATING", "RESOLVED")
        self.fires(*(verb for verb, when in WHEN.items() if when == "soon"))
        self.acts(Verb.HOLD, on=Verb.RELEASE)

    def acts_and_is_killed(self) -> None:
        """Every verb at once; with the last answer, the bridge that gave it is gone."""
        with ThreadPoolExecutor(len(Verb)) as people:
            list(people.map(lambda verb: self.acts(verb, key="once"), Verb))
            self.asked.kill()

    def is_carried_out(self, verb: Verb) -> None:
        word, statuses = CASES[verb]

        def is_so() -> bool:
            incident = self.incident(verb)
            assert (incident["page"], self.shown(verb)) == (word, statuses), incident
            return True

        eventually(is_so, f"{verb} to be carried out", within=WITHIN_S)

    def deeds(self, verb: Verb) -> int:
        """How often the history has it."""
        entries = self.incident(verb)["history"]
        return sum(each["what"] == "action" and each["detail"]["verb"] == verb for each in entries)


@pytest.mark.parametrize("who", ["the other replica", "the bridge after a restart"])
def test_each_verb_is_carried_out_once_though_the_bridge_is_killed_right_after_its_answer(
    start_bridge: Callable[..., Bridge], config: Path, page: Page, who: str
):
    write_configuration(
        config, defaults=TIMES, routes=ROUTES, public_labels=["verb"], texts={"name": "Outage {{ labels.verb }}"}
    )
    desk = Desk(start_bridge(environment=OPERATORS), page)
    if who == "the other replica":
        desk.bridge = start_bridge(environment=OPERATORS)
    desk.prepares()
    desk.acts_and_is_killed()
    if desk.bridge is desk.asked:
        desk.asked.start()
    desk.asked = desk.bridge
    desk.outages[Verb.TAKE_OVER] = desk.outages[Verb.TAKE_OVER].at(desk.bridge)
    desk.outages[Verb.TAKE_OVER].ends()
    for verb in Verb:
        desk.is_carried_out(verb)
    for verb in Verb:  # who got no answer asks again, by the same key
        desk.acts(verb, key="once")
    for verb in Verb:
        desk.is_carried_out(verb)
    assert {verb: desk.deeds(verb) for verb in Verb} == dict.fromkeys(Verb, 1)
    assert len(page.incidents) == len([verb for verb, (_, statuses) in CASES.items() if statuses])
