"""``bridge incidents list``: its columns, forms, filters and order, and how it watches."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from bridge.cli.errors import CommandError
from bridge.cli.incidents import watching
from tests.servers import Bridge

POST: dict[str, Any] = {"page": "v1", "services": ["checkout"]}


def incident(id_: str, page: str = "open", **fields: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "phase": "MONITORING",
        "severity": None,
        "services": {},
        "key": f"key-{id_}",
        "firing": 1,
        "starts_at": "2026-11-23T21:00:00.000Z",
        "firing_since": None,
        "page": page,
        "next": {"at": None, "what": f"what {id_}"},
        "attention": [],
        "posts": [POST],
        "mails": 2,
        **fields,
    }


class FakeBridge:
    """Answers as the API does, of incidents that are in trouble if somebody must attend to them."""

    def __init__(self) -> None:
        self.incidents: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.part = 1_000
        self.error: CommandError | None = None

    def get(self, _url: str, path: str) -> Any:
        if self.error:
            raise self.error
        asked = dict(parse_qsl(urlsplit(path).query))
        self.asked.append(asked)
        found = [
            each for each in self.incidents if asked.get("trouble") in {None, str(bool(each["attention"])).lower()}
        ]
        first = int(asked.get("after", 0))
        last = min(first + int(asked["limit"]), first + self.part)
        return {"incidents": found[first:last], "after": str(last) if last < len(found) else None}


@pytest.fixture
def fake(monkeypatch):
    bridge = FakeBridge()
    monkeypatch.setattr("bridge.cli.incidents.list.get", bridge.get)
    monkeypatch.setattr("time.time", lambda: 1_795_554_000.0)  # a day and an hour later
    return bridge


def test_the_word_on_the_page_comes_first_and_a_dash_stands_for_what_is_not_known(fake, run):
    observed = {"at": "2026-11-24T20:59:00Z", "status": "INVESTIGATING", "drift": []}
    fake.incidents = [
        incident("A", posts=[POST | {"observed": observed}, POST | {"observed": None}]),
        incident("B", "not yet"),
    ]
    head, first, second = (line.split("  ") for line in run("incidents", "list").out.splitlines())
    assert [cell.strip() for cell in head if cell] == [
        *("page", "observed", "severity", "age", "id", "key", "next", "link", "attention")
    ]
    cells = [[cell.strip() for cell in line if cell] for line in (first, second)]
    assert cells == [
        ["open", "INVESTIGATING", "-", "1d", "A", "key-A", "what A", "-"],
        ["not yet", "-", "-", "1d", "B", "key-B", "what B", "-"],
    ]


def test_what_was_not_looked_at_for_a_while_is_shown_with_its_age(fake, run):
    seen = [{"at": f"2026-11-24T{at}Z", "status": "MONITORING", "drift": []} for at in ("20:57:30", "20:59:00")]
    fake.incidents = [incident("A", posts=[POST | {"observed": each} for each in seen])]
    head, line = run("incidents", "list").out.splitlines()
    assert line[head.index("observed") : head.index("severity")].strip() == "MONITORING 2m30s ago, MONITORING"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(5, "5s"), (65, "1m5s"), (3_600, "1h"), (3_725, "1h2m"), (90_000, "1d1h"), (900_000, "1w3d"), (-5, "0s")],
)
def test_an_age_has_no_more_than_it_needs(fake, run, monkeypatch, seconds, age):
    monkeypatch.setattr("time.time", lambda: 1_795_467_600.0 + seconds)
    fake.incidents = [incident("A")]
    head, line = run("incidents", "list").out.splitlines()
    assert line[head.index(" age ") :].split()[0] == age


def test_what_needs_a_person_comes_first_then_the_last_begun(fake, run):
    fake.incidents = [incident("A"), incident("B", "refused", attention=["parked: 400"]), incident("C")]
    fake.part = 1
    lines = run("incidents", "list").out.splitlines()[1:]
    assert [line.partition("key-")[2][0] for line in lines] == ["B", "A", "C"]
    assert lines[0].endswith("parked: 400")


def test_a_reason_stands_once_in_a_line(fake, run):
    refused = "refused by the page: POST /x: 400 Bad Request; a person must act; tried again at 21:18 UTC: publishes"
    withheld = "withheld: 7f is open for the same service; looked at again in 29 s"
    fake.incidents = [
        incident("A", next={"at": None, "what": refused}, attention=["parked: POST /x: 400 Bad Request"]),
        incident("B", next={"at": None, "what": withheld}, attention=["withheld: 7f is open for the same service"]),
    ]
    _, first, second = run("incidents", "list").out.splitlines()
    assert "refused by the page; a person must act; tried again at 21:18 UTC: publishes " in first
    assert first.count("400 Bad Request") == 1
    assert "withheld; looked at again in 29 s " in second
    assert second.count("7f is open") == 1


def test_no_more_are_shown_than_wanted_and_that_there_are_more_is_said(fake, run):
    fake.incidents = [incident(f"A{n}") for n in range(9)]
    out = run("incidents", "list", "--limit", "4").out
    assert out.count("key-") == 4
    assert out.endswith("\n\n4 are shown, and there may be more: --limit 40\n")
    assert "may be more" not in run("incidents", "list", "--limit", "10").out
    assert run("incidents", "list", "--limit", "0").code == 2


def test_only_open_ones_are_asked_for_unless_all_are(fake, run):
    run("incidents", "list")
    assert {asked["active"] for asked in fake.asked} == {"true"}
    fake.asked.clear()
    filters = {"phase": "RESOLVED", "route": "shop", "service": "checkout", "page": "withheld", "since": "2h"}
    run("incidents", "list", "--all", *(word for name, value in filters.items() for word in (f"--{name}", value)))
    assert fake.asked == [{**filters, "active": "false", "limit": "100"}]


def test_every_form_shows_the_same_incidents(fake, run):
    fake.incidents = [incident("A", attention=["\x1b[31m"]), incident("B")]
    assert json.loads(run("incidents", "list", "-o", "json").out) == fake.incidents
    assert yaml.safe_load(run("incidents", "list", "-o", "yaml").out) == fake.incidents
    head, first, _ = run("incidents", "list", "-o", "wide").out.splitlines()
    assert head.split()[-5:] == ["phase", "services", "firing", "starts", "mails"]
    assert first.split()[-5:] == ["MONITORING", "checkout", "1", "2026-11-23T21:00:00.000Z", "2"]


@pytest.fixture
def looks(monkeypatch):
    """Has something happen before each look of a watch after the first, and Ctrl-C pressed after the last."""

    def looks_(*happens):
        following = itertools.chain(happens, [None])

        def sleep(_seconds: float) -> None:
            change = next(following)
            if change is None:
                raise KeyboardInterrupt
            change()

        monkeypatch.setattr(watching, "sleep", sleep)

    return looks_


def test_into_a_pipe_a_watch_prints_what_changes(fake, run, looks):
    fake.incidents = [incident("A"), incident("B")]
    looks(
        lambda: None,
        lambda: fake.incidents.__setitem__(0, incident("A", "refused", attention=["parked: 400"])),
        fake.incidents.pop,
        lambda: fake.incidents.append(incident("C")),
    )
    shown = run("incidents", "list", "--watch")
    assert shown.code == 0
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[3:] == [
        "refused - - 1d A key-A what A - parked: 400",
        "B is in the list no more",
        "open - - 1d C key-C what C -",
    ]
    assert "\x1b" not in shown.out


def test_a_watch_as_json_has_a_line_for_each_change(fake, run, looks):
    looks(lambda: fake.incidents.append(incident("A")), lambda: fake.incidents.append(incident("B")))
    first, *lines = run("incidents", "list", "-w", "-o", "json").out.splitlines()
    assert first == "[]"
    assert [json.loads(line)["id"] for line in lines] == ["A", "B"]


def test_a_watch_goes_on_when_the_bridge_is_away_for_a_while(fake, run, looks):
    def fails() -> None:
        fake.error = CommandError("No bridge answers")

    def returns() -> None:
        fake.error = None
        fake.incidents.append(incident("A"))

    looks(fails, returns)
    shown = run("incidents", "list", "-w")
    assert (shown.code, shown.err) == (0, "No bridge answers\n")
    assert "key-A" in shown.out
    fails()
    assert run("incidents", "list", "-w").code == 1


def test_a_terminal_is_drawn_anew(fake, run, looks, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    fake.incidents = [incident("A")]
    looks(lambda: None)
    first, second, third = run("incidents", "list", "-w").out.split("\x1b[H\x1b[2J")
    assert first == ""
    assert second == third


def test_ctrl_c_ends_a_watch_well(tmp_path, config, sandbox, redis_url):
    with Bridge(tmp_path / "bridge", config=config, sandbox=sandbox, redis_url=redis_url) as server:
        command = [sys.executable, "-m", "bridge", "incidents", "list", "--watch", "--url", server.url]
        with subprocess.Popen(
            command, env={"ADMIN_TOKENS": server.admin_token}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "No open incidents. Those that are over: --all\n"
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0
