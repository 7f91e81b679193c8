from __future__ import annotations

import pytest

from bridge.cli import why

WAY = {
    "name": "DiskFull",
    "source": "alertmanager",
    "sender": "eu",
    "fingerprint": "f1",
    "incident": None,
    "phase": None,
    "stopped_at": "routed",
    "remedy": "Correct it.",
    "stations": [
        {"station": "delivered", "state": "passed", "why": "once"},
        {"station": "routed", "state": "stopped", "why": "no; really"},
        {"station": "written", "state": "not reached", "why": ""},
    ],
}


@pytest.fixture
def asked(monkeypatch):
    """The paths that the command asks for; the answer is always the same."""
    paths: list[str] = []

    def get(_url: str, path: str):
        paths.append(path)
        return {"ways": [WAY], "unsearched": ["half of it"]}

    monkeypatch.setattr(why, "get", get)
    return paths


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["DiskFull"], "subject=DiskFull"),
        (["Disk full & more"], "subject=Disk+full+%26+more"),
        (["alertname=Disk full", "service=a=b"], "label=alertname%3DDisk+full&label=service%3Da%3Db"),
        (['alertname="x y"'], "label=alertname%3Dx+y"),
        (['{alertname="x", service="y"}'], "label=alertname%3Dx&label=service%3Dy"),
    ],
)
def test_what_is_asked_for_is_one_name_or_labels(asked, run, words, path):
    assert run("why", *words).code == 0
    assert asked == [f"/api/why?{path}"]


@pytest.mark.parametrize(
    "words", [[], ["Disk", "full"], ["a=~b"], ["a!=b"], ["=b"], ["{a=~b}"], ["a=b", "c"], ["{a=b"]]
)
def test_what_is_no_label_is_refused(asked, run, words):
    refused = run("why", *words)
    assert (refused.code, asked) == (2, [])
    assert "such as alertname=DiskFull service=checkout" in refused.err


@pytest.mark.usefixtures("asked")
def test_each_station_is_a_line_and_the_stop_says_what_to_do(run):
    assert run("why", "DiskFull").out == (
        "DiskFull  alertmanager/eu  f1\n"
        "  ✓ delivered   once\n"
        "  ✗ routed      no; really\n"
        "  · written\n"
        "  → Correct it.\n"
        "\n"
        "Not everything was searched: half of it.\n"
    )
