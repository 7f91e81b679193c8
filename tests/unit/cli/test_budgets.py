"""``bridge budgets``: what it asks of a bridge, and how it shows the answer."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.cli import budgets
from bridge.cli.client import NoAnswer
from bridge.cli.errors import CommandError


def page(**changes: Any) -> dict[str, Any]:
    budget = {"limit": 30, "spent": 12, "remaining": 18, "routes": {"shop": 12}}
    plain = {"page": "v1", "mode": "enforce", "withheld": 0, "budgets": {"open": budget}}
    return {**plain, "withheld_differ": None, "lifted": None, **changes}


LIFTED = page(
    withheld=2,
    withheld_differ="2 withheld differ only in `pod`",
    lifted={"by": "alice", "at": "A", "until": "U", "reason": "a big day"},
)


@pytest.fixture
def posts(monkeypatch):
    """What was sent; the answer is LIFTED."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def post(_url: str, path: str, body: dict[str, Any]) -> Any:
        sent.append((path, body))
        return {"pages": [LIFTED]}

    monkeypatch.setattr(budgets, "post", post)
    return sent


def test_it_says_who_lifted_them_and_what_the_withheld_differ_in(monkeypatch, capsys):
    monkeypatch.setattr(budgets, "get", lambda *_: {"pages": [LIFTED]})
    budgets.show()
    shown = capsys.readouterr().out
    assert "2 withheld\n" in shown
    assert shown.endswith("v1: lifted by alice until U: a big day\nv1: 2 withheld differ only in `pod`\n")


def test_a_lift_is_asked_for_with_a_key_and_shows_the_budgets_then(posts, capsys):
    budgets.lift(for_="1h", reason="a big day", page="v1")
    ((path, body),) = posts
    assert path == "/api/budgets/lift"
    assert len(body.pop("key")) == 32
    assert body == {"for": "1h", "reason": "a big day", "page": "v1"}
    assert "lifted by alice" in capsys.readouterr().out


def test_it_is_ended(posts):
    budgets.lift(end=True, key="k")
    assert posts == [("/api/budgets/lift", {"end": True, "key": "k"})]


def test_where_nobody_answers_it_says_how_to_try_again(monkeypatch):
    def post(*_: Any) -> Any:
        raise NoAnswer("No bridge answers.")

    monkeypatch.setattr(budgets, "post", post)
    with pytest.raises(CommandError, match="To try again: --key k"):
        budgets.lift(for_="1h", reason="x", key="k")
