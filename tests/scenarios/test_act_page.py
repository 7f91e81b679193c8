"""The page on acting, typed by an operator in the order in which it stands there, and the ``curl`` of each verb."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bridge.orders import Verb
from tests.scenarios.transcript import ROOT
from tests.scenarios.vocabulary import Outage, Page, command, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Bridge

ACT = (ROOT / "docs" / "how-to" / "act.md").read_text()
HTTP = (ROOT / "docs" / "reference" / "http.md").read_text()
SECRET = "me-secret"
ROUTE = {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["service"]}
TIMES = {"publish_after": "1h", "resolve_after": "1s", "reopen_after": "60s", "hold_refire": "0"}


class Operator:
    """Types what the page shows, about one incident after another."""

    def __init__(self, bridge: Bridge, page: Page) -> None:
        self.bridge, self.page = bridge, page
        self.environment = {"OPERATOR_TOKENS": f"me:{SECRET}", "BRIDGE_URL": bridge.url}

    def incident(self, service: str) -> dict[str, Any]:
        (found,) = (each for each in self.bridge.incidents()["incidents"] if each["group"] == {"service": service})
        shown: dict[str, Any] = self.bridge.incident(found["id"])
        return shown

    def types(self, line: str, service: str, *, is_refused: bool = False) -> str:
        """Type a line of the page, with the incident's and the alert's own names; what it prints."""
        incident = self.incident(service)
        _, *words = shlex.split(line.replace("a2c4e6b8d0f1a3c5", incident["alerts"][0]["fingerprint"]))
        words = [incident["id"] if word == "ID" else word for word in words]
        done = command(*words, *(["--yes"] if "say" in words else []), environment=self.environment)
        assert (done.returncode != 0) is is_refused, done.stdout + done.stderr
        return done.stdout + done.stderr

    def publishes(self, service: str) -> None:
        self.types("bridge incidents publish ID", service)
        self.sees(service, "INVESTIGATING")

    def sees(self, service: str, *statuses: str) -> None:
        """Wait until readers have seen these of its incident, MONITORING left out."""

        def seen() -> bool:
            found = [each for each in self.page.incidents if each.services == (service.title(),)]
            assert [status for each in found for status in each.statuses if status != "MONITORING"] == list(statuses)
            return True

        eventually(seen, f"{service}: {statuses}")

    def is_shown_as(self, service: str, word: str) -> None:
        eventually(lambda: self.incident(service)["page"] == word, f"{service} to be {word}")


@pytest.fixture
def operator(start_bridge: Callable[..., Bridge], config: Path, page: Page) -> Operator:
    write_configuration(config, routes=[ROUTE], defaults=TIMES)
    return Operator(start_bridge(environment={"OPERATOR_TOKENS": f"me:{SECRET}"}), page)


def commands(heading: str) -> list[str]:
    """The commands under a heading of the page."""
    _, _, rest = ACT.partition(f"## {heading}\n")
    return re.findall(r"^ {4}(bridge incidents .+)$", rest.partition("\n## ")[0], re.MULTILINE)


def test_a_wrong_incident_is_stopped(operator: Operator):
    hold, dismiss, say, resolve = commands("Stop a wrong incident")
    Outage(operator.bridge).fires("checkout")
    operator.types(hold, "checkout")
    assert operator.incident("checkout")["actions"][0]["verb"] == "hold"
    operator.types("bridge incidents release ID", "checkout")
    operator.types(dismiss, "checkout")
    operator.types("bridge incidents publish ID", "checkout")  # it was right after all
    operator.sees("checkout", "INVESTIGATING")
    assert "it is on the page already: use resolve" in operator.types(dismiss, "checkout", is_refused=True)
    operator.types(say, "checkout")
    operator.sees("checkout", "INVESTIGATING", "INVESTIGATING")
    operator.types(resolve, "checkout")
    operator.sees("checkout", "INVESTIGATING", "INVESTIGATING", "RESOLVED")
    texts = [message.text for message in operator.page.shows().messages]
    assert texts[1].startswith("This was a false alarm. Nothing was affected.")


def test_one_whose_alert_was_silenced_is_ended(operator: Operator):
    mute, resolve = commands("End one whose alert was silenced")
    outage = Outage(operator.bridge)
    for service, line in (("checkout", mute), ("payments", resolve)):
        outage.fires(service)
        operator.publishes(service)
        operator.types(line, service)
        operator.sees(service, "INVESTIGATING", "RESOLVED")
    outage.repeats()
    operator.is_shown_as("checkout", "resolved")
    operator.is_shown_as("payments", "closed by hand")
    operator.sees("payments", "INVESTIGATING", "RESOLVED")


def test_an_incident_is_taken_over_and_handed_back(operator: Operator):
    take_over, hand_back = commands("Take over")
    outage = Outage(operator.bridge)
    outage.fires("checkout")
    operator.publishes("checkout")
    operator.types(take_over, "checkout")
    outage.ends()
    operator.is_shown_as("checkout", "taken over")
    operator.sees("checkout", "INVESTIGATING")
    operator.types(hand_back, "checkout")
    operator.sees("checkout", "INVESTIGATING", "RESOLVED")


def test_each_verb_has_a_curl_that_the_bridge_understands(operator: Operator):
    (function,) = re.findall(r"^ {4}(act\(\) .+)$", HTTP, re.MULTILINE)
    asked = re.findall(r"^ {4}(act 6MDQJYNPGN '.+?')", HTTP, re.MULTILINE)
    Outage(operator.bridge).fires("checkout")
    incident = operator.incident("checkout")
    alert = f"alertmanager/{incident['alerts'][0]['fingerprint']}"
    verbs: list[str] = []
    for line in asked:
        own = line.replace("6MDQJYNPGN", incident["id"]).replace("alertmanager/a2c4e6", alert)
        verbs.append(json.loads(shlex.split(own)[2])["action"])
        script = f"{function}\n{own}".replace("http://127.0.0.1:8080", operator.bridge.url)
        environment = {"SECRET": SECRET, "PATH": os.environ["PATH"]}
        answer = json.loads(subprocess.check_output(["bash", "-c", script], env=environment))
        assert answer.get("error") in {None, "conflict", "too_late", "not_possible"}, answer
        if verbs[-1] == "publish":
            operator.sees("checkout", "INVESTIGATING")
    assert verbs == [str(verb) for verb in Verb]
    history = operator.incident("checkout")["history"]
    done = {each["detail"]["verb"] for each in history if each["what"] == "action"}
    assert set(verbs) - done == {"dismiss"}, "it was on the page by then"
