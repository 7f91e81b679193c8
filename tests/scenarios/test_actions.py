"""What operators do to an incident: each verb over the API and on the command line, on any replica, and once."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.scenarios.vocabulary import INCIDENTS, Outage, command, log_of, metric, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Bridge

WAYS = ("api", "command")
WITHIN_S = 30
SECRETS = {"alice": "alice-secret", "bob": "bob-secret"}
OPERATORS = {"OPERATOR_TOKENS": ",".join(f"{name}:{secret}" for name, secret in SECRETS.items())}
LATER = {"publish_after": "1h", "resolve_after": "2s", "reopen_after": "60s", "hold_refire": "4s"}
SOON = {**LATER, "publish_after": "1s"}


class Shop:
    """Two bridges on one Redis, an outage that one of them hears of, and what operators can do to its incident."""

    def __init__(self, start: Callable[..., Bridge]) -> None:
        self.bridge = start(environment=OPERATORS)
        self.replica = start(environment=OPERATORS)
        self.outage = Outage(self.bridge)

    def fires(self) -> None:
        self.outage.fires()
        assert self.incident["firing"] == 1

    def publishes_soon(self, config: Path) -> None:
        """Let nobody wait for an hour any more: until now a command had all the time that it takes."""
        write_configuration(config, defaults=SOON)
        for each in (self.bridge, self.replica):
            each.signal(signal.SIGHUP)

    @property
    def incident(self) -> dict[str, Any]:
        """The only incident, as an operator sees it."""
        (found,) = self.replica.incidents()["incidents"]
        shown: dict[str, Any] = self.replica.incident(found["id"])
        return shown

    def is_on_the_page_as(self, word: str) -> None:

        def is_so() -> bool:
            found = self.incident["page"]
            assert found == word
            return True

        eventually(is_so, f"it to be {word}", within=WITHIN_S)

    def posts(self, verb: str, *, by: str = "alice", at: Bridge | None = None, **fields: Any) -> httpx.Response:
        bridge, asked = at or self.bridge, {"action": verb, "reason": "because", **fields}
        path = f"/api/incidents/{self.incident['id']}/actions"
        return httpx.post(bridge.url + path, json=asked, headers={"Authorization": f"Bearer {SECRETS[by]}"})

    def acts(self, way: str, verb: str, *words: str, by: str = "alice", **options: str | bool) -> dict[str, Any]:
        """Do it, by way of the API or of the command line, on the replica that did not hear of the outage."""
        if way == "api":
            named = dict(zip(["alert" if "mute" in verb else "text"], words, strict=False))
            answer = self.posts(verb, by=by, at=self.replica, **options, **named)
            assert answer.status_code == 202, answer.text
            seen: dict[str, Any] = answer.json()
            return seen
        given = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
        asked = ("incidents", verb, self.incident["id"], *words, "--reason", "because", *given, "--output", "json")
        environment = {"OPERATOR_TOKENS": f"{by}:{SECRETS[by]}", "BRIDGE_URL": self.replica.url, "ADMIN_TOKENS": "x"}
        done = command(*asked, *["--yes"] * (verb == "say"), environment=environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        return found

    def told(self) -> list[tuple[str, str]]:
        """Who did what, as the history has it."""
        entries = self.incident["history"]
        return [(each["by"], each["detail"]["verb"]) for each in entries if each["what"] == "action"]


@pytest.fixture
def shop(start_bridge, config):
    write_configuration(config, defaults=LATER)
    return Shop(start_bridge)


@pytest.mark.parametrize("way", WAYS)
def test_an_incident_on_hold_is_published_once_it_is_released(shop, config, page, way):
    shop.fires()
    held = shop.acts(way, "hold", **{"for": "1h"})
    (order,) = held["actions"]
    assert (order["verb"], order["by"], order["reason"]) == ("hold", "alice", "because")
    assert order["until"] > order["at"]
    shop.publishes_soon(config)
    shop.is_on_the_page_as("withheld: operator")
    assert page.incidents == []
    assert shop.acts(way, "release", by="bob")["actions"] == []
    page.shows(status="INVESTIGATING")
    assert page.opened == 1
    assert shop.told() == [("operator:alice", "hold"), ("operator:bob", "release")]


@pytest.mark.parametrize("way", WAYS)
def test_an_incident_is_published_before_its_time(shop, page, way):
    shop.fires()
    shop.acts(way, "publish", quiet=True)
    assert page.shows(status="INVESTIGATING").messages[0].notified is False
    shop.outage.ends()
    page.shows(status="RESOLVED")
    assert page.mails == [], "who was not told of the start is not told of the end"


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_incident_is_dismissed(shop, config, page, way):
    shop.fires()
    shop.acts(way, "dismiss")
    shop.publishes_soon(config)
    shop.is_on_the_page_as("withheld: operator")
    shop.outage.ends()
    eventually(lambda: shop.incident["note"] == "not published: operator", "it to be over")
    assert page.incidents == []
    shop.fires()  # is judged anew
    page.shows(status="INVESTIGATING")


@pytest.mark.parametrize("way", WAYS)
def test_readers_are_told_in_words_of_an_operator(shop, page, way):
    shop.fires()
    shop.acts(way, "publish")
    page.shows(status="INVESTIGATING")
    shop.acts(way, "say", "We **know** why: see https://evil.example/x soon.", status="IDENTIFIED", notify=True)
    said = page.shows(status="IDENTIFIED").messages[-1]
    assert said.text.startswith("We know why: see soon.")
    assert "evil" not in said.text
    assert said.notified


@pytest.mark.parametrize("way", WAYS)
def test_an_operator_ends_what_still_fires(shop, page, way):
    shop.fires()
    shop.acts(way, "publish")
    page.shows(status="INVESTIGATING")
    shop.acts(way, "resolve")
    page.shows(status="RESOLVED")
    shop.outage.repeats()
    assert page.shows().statuses == ["INVESTIGATING", "RESOLVED"]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_person_has_taken_over_is_theirs_until_they_hand_it_back(shop, page, way):
    shop.fires()
    shop.acts(way, "publish")
    page.shows(status="INVESTIGATING")
    assert shop.acts(way, "take-over")["actions"][0]["verb"] == "take-over"
    shop.outage.ends()
    shop.is_on_the_page_as("taken over")
    assert page.shows().statuses == ["INVESTIGATING"]
    shop.acts(way, "hand-back", by="bob")
    page.shows(status="RESOLVED")


@pytest.mark.parametrize("way", WAYS)
def test_what_the_page_refused_is_tried_again(shop, page, way):
    page.fault("answer", method="POST", path=INCIDENTS, status=400, count=None)
    shop.fires()
    shop.acts(way, "publish")
    shop.is_on_the_page_as("refused")
    page.sandbox.control("DELETE", "faults")
    shop.acts(way, "retry")
    page.shows(status="INVESTIGATING")


@pytest.mark.parametrize("way", WAYS)
def test_an_alert_whose_end_never_comes_is_muted(shop, page, way):
    shop.fires()
    shop.acts(way, "publish")
    page.shows(status="INVESTIGATING")
    (silenced,) = shop.incident["alerts"]
    order = shop.acts(way, "mute", silenced["fingerprint"], **{"for": "1h"})["actions"][-1]
    assert (order["verb"], order["alert"]) == ("mute", f"alertmanager/{silenced['fingerprint']}")
    page.shows(status="RESOLVED")
    assert shop.incident["firing"] == 0
    shop.acts(way, "unmute", f"alertmanager/{silenced['fingerprint']}")
    assert shop.incident["firing"] == 1
    assert shop.incident["actions"] == []


def test_an_action_that_is_repeated_is_carried_out_once(shop, page):
    shop.fires()
    shop.acts("api", "publish")
    page.shows(status="INVESTIGATING")
    answers = [shop.posts("say", text="We know why.", key="k", at=each) for each in (shop.bridge, shop.replica) * 3]
    assert [answer.status_code for answer in answers] == [202] * 6
    with_text = [each for each in page.shows().messages if each.text.startswith("We know why.")]
    assert len(with_text) <= 1
    shop.acts("api", "say", "That was all.")
    eventually(lambda: page.shows().messages[-1].text.startswith("That was all."), "the next words")
    assert sum(each.text.startswith("We know why.") for each in page.shows().messages) == 1
    both = (shop.bridge, shop.replica)
    assert sum(metric(each, "bridge_actions_total", verb="say", outcome="done") for each in both) == 2
    assert sum(metric(each, "bridge_actions_total", verb="say", outcome="repeat") for each in both) == 5
    assert shop.told() == [("operator:alice", verb) for verb in ("publish", "say", "say")]


@pytest.mark.parametrize(
    ("first_verb", "second_verb"),
    [
        ("publish", "publish"),
        ("dismiss", "dismiss"),
        ("resolve", "resolve"),
        ("take-over", "take-over"),
        ("publish", "dismiss"),
        ("resolve", "take-over"),
    ],
)
def test_of_two_people_at_once_the_first_wins_and_the_second_is_told_what_changed(shop, page, first_verb, second_verb):
    shop.fires()
    before = []
    if "resolve" in first_verb:
        shop.acts("api", "publish")
        page.shows(status="INVESTIGATING")
        shop.is_on_the_page_as("open")
        before = [("operator:alice", "publish")]
    asked = (("alice", first_verb, shop.bridge), ("bob", second_verb, shop.replica))
    seen = {} if first_verb == second_verb else {"revision": shop.incident["revision"]}
    with ThreadPoolExecutor() as people:
        answers = list(people.map(lambda who: shop.posts(who[1], by=who[0], at=who[2], **seen), asked))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    (late,) = (answer.json() for answer in answers if answer.status_code == 409)
    (name, verb), *_ = (each[:2] for each, answer in zip(asked, answers, strict=True) if answer.status_code == 202)
    if "publish" in verb:
        page.shows(status="INVESTIGATING")
    if "resolve" in verb:
        page.shows(statuses=["INVESTIGATING", "RESOLVED"])
    assert page.opened == ("publish" in verb or bool(before))
    assert shop.told() == [*before, (f"operator:{name}", verb)]
    if late["error"] == "conflict":
        assert late["changed"]["by"] == name


def test_who_decides_on_an_old_revision_is_told_the_new_one(shop):
    shop.fires()
    seen = shop.incident["revision"]
    shop.outage.fires(severity="critical")
    late = shop.posts("publish", revision=seen)
    assert (late.status_code, late.json()["error"]) == (409, "conflict")
    assert late.json()["changed"]["revision"] == shop.incident["revision"] > seen


def test_what_was_promised_is_carried_out_once_though_the_bridge_is_killed_at_once(start_bridge, config, page):
    write_configuration(config, defaults=LATER)
    bridge = start_bridge(environment=OPERATORS)
    Outage(bridge).fires()
    (found,) = bridge.incidents()["incidents"]
    path, headers = f"/api/incidents/{found['id']}/actions", {"Authorization": f"Bearer {SECRETS['alice']}"}
    asked = {"action": "publish", "key": "k"}
    assert httpx.post(bridge.url + path, json=asked, headers=headers).status_code == 202
    bridge.kill()
    again = start_bridge(environment=OPERATORS)
    assert httpx.post(again.url + path, json=asked, headers=headers).status_code == 202
    page.shows(status="INVESTIGATING")
    assert httpx.post(again.url + path, json=asked, headers=headers).status_code == 202
    assert page.opened == 1
    assert len(page.shows().messages) == 1


def test_who_may_only_read_changes_nothing_and_the_log_has_no_persons_words(shop):
    shop.fires()
    path = f"/api/incidents/{shop.incident['id']}/actions"
    headers = {"Authorization": f"Bearer {shop.bridge.admin_token}"}
    refused = httpx.post(shop.bridge.url + path, json={"action": "hold"}, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (403, "read_only")
    assert shop.incident["actions"] == []
    assert shop.posts("hold", reason="a wombat").status_code == 202
    (line,) = log_of(shop.bridge, "operator_acted")
    assert (line["operator"], line["verb"], line["outcome"]) == ("alice", "hold", "done")
    assert "wombat" not in shop.bridge.output
    assert SECRETS["alice"] not in shop.bridge.output
