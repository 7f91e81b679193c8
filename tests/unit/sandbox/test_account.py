from __future__ import annotations

from pathlib import Path

import pytest

from bridge.sandbox import Account

WHOLE = """
name: Example
api_key: secret
id: 5f1c0d1e-0000-4000-8000-000000000001
services: [Checkout, Payments]
pages:
  - name: Public
    url: public
    subscribers: [a@example.com]
    cards: [{name: Shop, services: [Checkout]}]
  - {name: Partners, url: partners, private: true}
"""


def test_a_file_in_full(tmp_path: Path) -> None:
    path = tmp_path / "account.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    account = Account.load(path)
    assert account.uuid == "5f1c0d1e-0000-4000-8000-000000000001"
    assert [page.url for page in account.shown] == ["public", "partners"]
    assert account.shown[0].cards[0].services == ("Checkout",)


def test_services_alone_are_an_account_with_one_page() -> None:
    account = Account.of(["Checkout", "Payments"])
    (page,) = account.shown
    assert (page.url, page.cards[0].services) == ("status", ("Checkout", "Payments"))


def test_ids_follow_from_names() -> None:
    assert Account.sample().uuid == Account.sample().uuid != Account(name="Other").uuid
    assert Account.sample().derive("services", "Search") == Account.sample().derive("services", "Search")
    assert Account.sample().derive("services", "Search") != Account(name="Other").derive("services", "Search")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: Checkout", "$.services"),
        ("servces: []", "servces"),
        ("services: [A, A]", "'A' is listed twice"),
        ("pages: [{name: A, url: a}, {name: B, url: a}]", "two pages have the url 'a'"),
        ("pages: [{name: A, url: A b}]", "$.pages[0].url"),
        ("pages: [{name: A, url: a, cards: [{name: C, services: [X]}]}]", "'X', which is not in `services`"),
        ("id: 7", "$.id"),
        ("name: [", "line 1"),
        ("", "object"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "account.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="account") as refused:
        Account.load(path)
    assert str(path) in str(refused.value)
    assert told in str(refused.value)
