from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.cli.client import incident_path
from tests.servers import Bridge, eventually

PAYLOAD = json.dumps(
    {
        "version": "4",
        "alerts": [{"status": "firing", "labels": {"region": "eu"}, "startsAt": "2026-01-01T00:00:00Z"}],
    }
).encode()


@pytest.fixture
def bridge(tmp_path, config, sandbox, redis_url, monkeypatch):
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        monkeypatch.setenv("BRIDGE_URL", server.url)
        monkeypatch.setenv("ADMIN_TOKENS", server.admin_token)
        yield server


def test_incidents_are_listed_and_shown(bridge, run):
    assert run("incidents", "list").out == "No open incidents. Those that are over: --all\n"
    assert run("incidents", "list", "--all").out == "No incidents.\n"
    bridge.deliver(PAYLOAD)
    listed = run("incidents", "list")
    assert listed.code == 0
    (found,) = json.loads(run("incidents", "list", "--output", "json").out)
    head, line = listed.out.splitlines()
    assert line.startswith("not yet  -")
    assert line[head.index("id ") :].split()[:2] == [found["id"], 'shop{region="eu"}']
    assert found["next"]["what"] in line
    shown = run("incidents", "show", found["id"])
    assert 'route "shop"' in shown.out
    assert json.loads(run("incidents", "show", found["id"], "--output", "json").out)["alerts"][0]["status"] == "firing"


def test_filters_reach_a_running_bridge_and_a_wrong_one_is_told_with_the_nearest(bridge, run):
    bridge.deliver(PAYLOAD)
    for filters in (
        ("--route", "shop"),
        ("--service", "checkout"),
        ("--phase", "pending"),
        ("--page", "not yet"),
        ("--since", "1h"),
    ):
        assert 'shop{region="eu"}' in run("incidents", "list", *filters).out
    for filters in (("--route", "alive"), ("--service", "payments"), ("--phase", "RESOLVED"), ("--page", "withheld")):
        assert run("incidents", "list", *filters).out == "No open incidents. Those that are over: --all\n"
    wrong = run("incidents", "list", "--service", "chekout")
    assert wrong.code == 1
    assert wrong.err.endswith('service: expected a service of the configuration; did you mean "checkout"?\n')


@pytest.fixture
def publish(bridge, run, config, sandbox):
    """Has the alert published on the pages of ``services``, and gives the incident when its posts are as wanted."""

    def publish_(services: str, is_done):
        text = config.read_text().replace("publish_after: 90s", "publish_after: 0s")
        config.write_text(text.replace("checkout: {name: Checkout, shared: true}", f"checkout: {services}"))
        eventually(lambda: "config_loaded" in bridge.output.partition("config_loaded")[2], "the configuration")
        bridge.deliver(PAYLOAD)

        def found():
            incidents = json.loads(run("incidents", "list", "--output", "json").out)
            return next((each for each in incidents if is_done({post["page"]: post for post in each["posts"]})), None)

        return eventually(found, "the posts")

    yield publish_
    sandbox.control("POST", "reset")


def test_the_posts_of_every_page_are_shown_with_their_impacts(publish, run):
    services = "[{name: Checkout, shared: true}, {page: platform, component: Checkout}]"
    found = publish(services, lambda posts: len(posts) == 2 and all(post["remote_id"] for post in posts.values()))
    shown = run("incidents", "show", found["id"]).out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert {"services checkout: MINOR", "labels region: eu", "post v1"} <= set(lines)
    assert "impacts checkout: DEGRADED_PERFORMANCE" in lines[lines.index("post v3:platform") :]
    assert run("incidents", "list").out.splitlines()[1].startswith("open ")


def test_an_incident_that_is_withheld_says_for_which(publish, run, sandbox):
    other = sandbox.control("POST", "incidents", name="By hand", services=["Checkout"], severity="MINOR")
    found = publish(
        "{name: Checkout, shared: true}", lambda posts: any(post["second_writer"] for post in posts.values())
    )
    assert found["posts"][0]["second_writer"] == other["id"]
    said = f"withheld: {other['id']} is open for the same service"
    assert run("incidents", "list").out.rstrip().endswith(said)
    shown = run("incidents", "show", found["id"]).out.splitlines()
    assert ["second", "writer", other["id"]] in [line.split() for line in shown]
    assert f"! withheld: {other['id']} is open for the same service" in shown
    assert "page: withheld: second writer" in shown[1]
    assert any(line.startswith(f"next: withheld: {other['id']} is open for the same service;") for line in shown)


POST = {
    "page": "v1",
    "services": ["checkout"],
    "parked": None,
    "second_writer": None,
    "closed_at": None,
    "pending": None,
    "attempts": 0,
    "ongoing": True,
}


def test_a_write_under_way_is_shown_with_its_post(run, monkeypatch):
    pending = {"write": "update", "status": "RESOLVED", "recorded_at": "2026-11-23T21:06:36.974Z", "unknown_at": None}
    shown = {"id": "A", "posts": [{**POST, "pending": pending}], "alerts": []}
    monkeypatch.setattr("bridge.cli.incidents.whole.get", lambda _url, _path: shown)
    written = "write: update, status: RESOLVED, recorded_at: 2026-11-23T21:06:36.974Z"
    assert f"  pending   {written}" in run("incidents", "show", "A").out.splitlines()


TOLD = {
    "name": "Disk \u202efull\x1b[31m",
    "source": "alertmanager",
    "fingerprint": "f1",
    "status": "firing",
    "labels": {"instance": "web-1\nalert forged"},
    "labels_dropped": 0,
    "link": "https://alerts.example/#/alerts",
    "why": ["because"],
}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (
            {},
            r"""
  firing  Disk \u202efull\u001b[31m
    fingerprint  f1 from alertmanager
    link         https://alerts.example/#/alerts
    labels       instance: web-1\nalert forged
""",
        ),
        (
            {"labels": {}, "labels_dropped": 2, "link": None},
            r"""
  firing  Disk \u202efull\u001b[31m
    fingerprint  f1 from alertmanager
    labels       dropped for lack of room: 2
""",
        ),
        (
            {"name": None, "labels": None, "link": None},
            """
  firing  f1
    fingerprint  f1 from alertmanager
""",
        ),
    ],
)
def test_an_alert_is_shown_by_its_name_with_link_and_labels(run, monkeypatch, changes, shown):
    found = {"id": "A", "posts": [], "alerts": [TOLD | changes]}
    monkeypatch.setattr("bridge.cli.incidents.whole.get", lambda _url, _path: found)
    assert shown in run("incidents", "show", "A").out


def test_an_alert_of_an_older_bridge_is_shown_by_its_fingerprint(run, monkeypatch):
    found = {"id": "A", "posts": [], "alerts": [{"source": "alertmanager", "fingerprint": "f1"}]}
    monkeypatch.setattr("bridge.cli.incidents.whole.get", lambda _url, _path: found)
    assert "\n  f1\n    fingerprint  f1 from alertmanager\n" in run("incidents", "show", "A").out


ALERT: dict[str, Any] = {
    "name": "HighErrorRate",
    "source": "alertmanager",
    "sender": "eu",
    "fingerprint": "91cb",
    "status": "firing",
    "starts_at": "2026-11-23T21:00:00.000Z",
    "ends_at": None,
    "severity": "CRITICAL",
    "services": ["checkout"],
    "link": "https://alerts/91cb",
    "why": ['route "shop" (bridge.yaml:13) matches every alert', "severity CRITICAL: rule (bridge.yaml:8)"],
}
SHOWN: dict[str, Any] = {
    "id": "6MDQJYNPGN",
    "key": "shop",
    "phase": "PENDING",
    "phase_since": "2026-11-23T21:06:26.974Z",
    "severity": "CRITICAL",
    "firing": 2,
    "posts": [POST],
    "name": "Problems in the shop",
    "page": "not yet",
    "next": {
        "at": "2026-11-23T21:07:08.974Z",
        "what": "publishes in 42 s unless it clears",
        "mails": "the subscribers of v1",
        "text": "We are investigating.\n\nReference: 6MDQJYNPGN",
    },
    "attention": ["parked: 400"],
    "alerts": [ALERT, {**ALERT, "name": None, "fingerprint": "fa61", "why": ALERT["why"][:1]}],
    "alerts_total": 9,
    "alerts_after": "7",
    "history": [
        {
            "at": "2026-11-23T21:06:26.974Z",
            "what": "alerts_began",
            "by": "sender",
            "detail": {"alerts": ["HighErrorRate"]},
        }
    ],
}


def test_an_incident_is_shown_for_a_person_at_night(run, monkeypatch):
    monkeypatch.setattr("bridge.cli.incidents.whole.get", lambda _url, _path: SHOWN)
    assert (
        run("incidents", "show", "A").out
        == """\
6MDQJYNPGN  Problems in the shop
PENDING  page: not yet  CRITICAL  since 2026-11-23T21:06:26.974Z
! parked: 400

next: publishes in 42 s unless it clears
  at     2026-11-23T21:07:08.974Z
  mails  the subscribers of v1
  text
    We are investigating.

    Reference: 6MDQJYNPGN

why
  - route "shop" (bridge.yaml:13) matches every alert
  - severity CRITICAL: rule (bridge.yaml:8) (1 of 2 alerts)

alerts, 2 of 9
  firing  CRITICAL  HighErrorRate
    fingerprint  91cb from alertmanager/eu
    link         https://alerts/91cb
    starts at    2026-11-23T21:00:00.000Z
    services     checkout
  firing  CRITICAL  fa61
    fingerprint  fa61 from alertmanager/eu
    link         https://alerts/91cb
    starts at    2026-11-23T21:00:00.000Z
    services     checkout
  More: --after 7

post v1
  services  checkout
  ongoing   True

history
  2026-11-23 21:06:26  sender    alerts fire (alerts HighErrorRate)

record
  key     shop
  firing  2
"""
    )


def test_of_many_alerts_those_that_fire_are_shown_first_whatever_part_they_come_in(run, monkeypatch):
    flapped = [
        {
            "fingerprint": f"f{nth}",
            "name": f"Flapped{nth}",
            "status": "resolved",
            "seen_at": "2026-11-23T21:09",
            "why": ["no"],
        }
        for nth in range(1_500)
    ]
    fires = {"fingerprint": "x", "name": "DiskFull", "status": "firing", "seen_at": "2026-11-23T21:00", "why": ["yes"]}
    parts = {"": (flapped[:1_000], "17"), "17": ([*flapped[990:], fires], None)}

    def get(_url, path):
        alerts, after = parts[dict(parse_qsl(urlsplit(path).query)).get("after", "")]
        return {**SHOWN, "alerts": alerts, "alerts_after": after, "alerts_total": 1_501}

    monkeypatch.setattr("bridge.cli.incidents.whole.get", get)
    out = run("incidents", "show", "A").out
    assert "why\n  - yes\n\nalerts, 10 of 1501\n  firing  DiskFull\n" in out
    assert "  More: --alerts 1000\n" in out
    assert out.count("Flapped") == 9
    assert run("incidents", "show", "A", "--alerts", "20").out.count("Flapped") == 19


def test_of_a_long_history_the_newest_is_shown(run, monkeypatch):
    entries = [{"at": f"at {number}", "what": "phase", "by": "bridge", "detail": {}} for number in range(25)]
    monkeypatch.setattr("bridge.cli.incidents.whole.get", lambda _url, _path: {**SHOWN, "history": entries})
    out = run("incidents", "show", "A").out
    assert "history, without the first 5\n  at 5" in out
    assert "\n  at 24" in out


@pytest.mark.usefixtures("bridge")
def test_an_unknown_id_is_said(run):
    shown = run("incidents", "show", "0000000000")
    assert shown.code == 1
    assert "answers 404: no incident has this id" in shown.err


@pytest.mark.usefixtures("bridge")
def test_a_wrong_token_is_said_and_not_shown(run, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKENS", "hunter2")
    shown = run("incidents", "list")
    assert shown.code == 1
    assert "answers 401" in shown.err
    assert "hunter2" not in shown.err


def test_without_a_bridge_it_says_where_it_looked(run, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKENS", "x")
    shown = run("incidents", "list", "--url", "http://127.0.0.1:1")
    assert shown.code == 1
    assert "No bridge answers at http://127.0.0.1:1" in shown.err


@pytest.mark.parametrize("command", [("incidents", "show"), ("incidents", "history"), ("why",)])
@pytest.mark.parametrize("typed", ["6MDQJYNPGN\n", "a b", "\0", "../budgets", "x?alerts=2", "\udcff"])
def test_whatever_is_typed_as_an_id_is_asked_for(run, monkeypatch, command, typed):
    monkeypatch.setenv("ADMIN_TOKENS", "x")
    shown = run(*command, typed, "--url", "http://127.0.0.1:1")
    assert (shown.code, shown.out) == (1, "")
    assert "No bridge answers at http://127.0.0.1:1" in shown.err


def test_an_id_is_no_other_path():
    assert incident_path("../x?a=b#c\n") == "/api/incidents/..%2Fx%3Fa%3Db%23c"


def test_incidents_needs_a_token(run, monkeypatch):
    monkeypatch.delenv("ADMIN_TOKENS", raising=False)
    assert run("incidents", "list").code == 2


SLY = "a\x1b[31mb\x9bc\u202ed\nFIRING e\u2028f"


def test_what_is_not_printable_in_an_incident_is_escaped(bridge, run):
    alert = {"status": "firing", "fingerprint": SLY, "labels": {"region": SLY, SLY: SLY}}
    assert bridge.deliver(json.dumps({"version": "4", "alerts": [alert]}).encode()).status_code == 202
    (found,) = json.loads(run("incidents", "list", "--output", "json").out)
    for words in (("list",), ("show", found["id"])):
        for form in ((), ("--output", "json")):
            out = run("incidents", *words, *form).out
            assert not [char for char in out if not (char.isprintable() or char == "\n")]
            assert "\\u001b[31mb\\u009bc\\u202ed" in out
            assert not [line for line in out.splitlines() if line.strip().startswith("FIRING e")]
    assert json.loads(run("incidents", "show", found["id"], "--output", "json").out)["group"] == {"region": SLY}
