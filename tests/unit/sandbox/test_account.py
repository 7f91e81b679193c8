from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.sandbox import Account
from bridge.sandbox.account import Group
from bridge.sandbox.catalog import Catalog

if TYPE_CHECKING:
    from pathlib import Path

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
  - name: Platform
    url: platform
    components: [Dashboard, {name: API, components: [Orders, Dashboard]}]
"""


def test_an_account_file_with_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "account.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    account = Account.load(path)
    assert account.uuid == "5f1c0d1e-0000-4000-8000-000000000001"
    assert [page.url for page in account.shown] == ["public", "partners", "platform"]
    assert account.shown[0].cards[0].services == ("Checkout",)
    assert account.shown[2].components == ("Dashboard", Group("API", ("Orders", "Dashboard")))
    catalog = Catalog(account, 0)
    assert [page.url for page in catalog.pages.values()] == ["public", "partners"]
    (platform,) = catalog.component_pages.values()
    assert [(one.name, one.type) for one in platform.in_order()] == [
        ("Dashboard", "SERVICE"),
        ("API", "GROUP"),
        ("Orders", "SERVICE"),
        ("Dashboard", "SERVICE"),
    ]


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
        ("pages: [{name: A, url: a, components: [C, C]}]", "page 'a' has 'C' twice"),
        ("pages: [{name: A, url: a, components: [{name: G, components: [C, C]}]}]", "'C' is in group 'G' twice"),
        ("pages: [{name: A, url: a, private: true, components: [C]}]", "neither cards nor privacy"),
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
