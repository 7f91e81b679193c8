"""``bridge history export``: rows that a spreadsheet, and a program, can take as they are."""

from __future__ import annotations

import csv
import io
import json

import pytest

from bridge.cli import history
from bridge.cli.history import COLUMNS


def row(number: int, **fields: object) -> dict[str, object]:
    return {**dict.fromkeys(COLUMNS), "id": f"A.{number}", "mails": 0, **fields}


@pytest.fixture
def asked(monkeypatch):
    """What the running bridge was asked for; it answers by parts."""
    paths: list[str] = []
    parts = [{"episodes": [row(1), row(2)], "after": "current-7"}, {"episodes": [row(2), row(3)], "after": None}]

    def get(_url: str, path: str) -> object:
        paths.append(path)
        return parts[len(paths) - 1]

    monkeypatch.setattr(history, "get", get)
    return paths, parts


def test_every_outage_is_one_row_of_csv_under_a_head(run, asked):
    result = run("history", "export")
    assert result.code == 0
    assert result.out.endswith("\r\n")
    assert result.out.count("\r\n") == result.out.count("\n") == 4
    head, *rows = csv.reader(io.StringIO(result.out, newline=""))
    assert tuple(head) == COLUMNS
    assert [each[0] for each in rows] == ["A.1", "A.2", "A.3"]
    assert asked[0] == ["/api/history?since=30d&limit=500", "/api/history?since=30d&limit=500&after=current-7"]


def test_json_is_one_list(run, asked):
    result = run("history", "export", "-o", "json", "--since", "12h")
    assert [each["id"] for each in json.loads(result.out)] == ["A.1", "A.2", "A.3"]
    assert asked[0][0] == "/api/history?since=12h&limit=500"


def test_no_outages_are_an_empty_list_or_a_head_alone(run, asked):
    asked[1][0] = {"episodes": [], "after": None}
    assert json.loads(run("history", "export", "-o", "json").out) == []
    asked[0].clear()
    assert run("history", "export").out.count("\r\n") == 1


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a=b", "a=b"),
        ('say "so", twice', 'say "so", twice'),
        ("two\nlines\r\x1b[2J", r"two\nlines\r\u001b[2J"),
        (["=a", "b"], "'=a; b"),
        ({"v1": "abc", "v3:status": "def"}, "v1=abc; v3:status=def"),
        (None, ""),
        (90.5, "90.5"),
    ],
)
def test_no_cell_is_a_formula_or_steers_a_terminal(run, asked, value, cell):
    asked[1][0] = {"episodes": [row(1, name=value)], "after": None}
    _, found = csv.reader(io.StringIO(run("history", "export").out, newline=""))
    assert found[COLUMNS.index("name")] == cell
