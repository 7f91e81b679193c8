from __future__ import annotations

import json

import pytest
import yaml

from bridge.checkly.account import Page
from bridge.checkly.inventory import Inventory
from bridge.checkly.v1.services import RemoteService
from bridge.checkly.v3.components import RemoteComponent, RemotePage
from bridge.cli import services


@pytest.mark.usefixtures("environment")
def test_the_block_can_be_pasted(run, config):
    shown = run("services")
    assert shown.code == 0
    assert yaml.safe_load(shown.out) == {
        "services": {
            "checkout": "Checkout",
            "platform-checkout": {"page": "platform", "component": "Checkout"},
            "orders": {"page": "platform", "component": "Orders"},
        }
    }
    assert (
        "checkout: Checkout  # shown on Public, Internal (private): if that is meant, {name: Checkout, s" in shown.out
    )
    assert "  # payments: Payments  # on no page: no reader would see it\n" in shown.out
    assert "orders: {page: platform, component: Orders}  # shown on Platform" in shown.out
    config.write_text(shown.out + "version: 1\nseverity: [{is: MINOR}]\nroutes: [{name: all, services: [checkout]}]\n")
    assert run("check", config).code == 0


@pytest.mark.usefixtures("environment")
def test_pasted_after_a_migration_it_fits_the_account(run, config, sandbox):
    """As docs/how-to/v3.md promises."""
    for page in ("public", "internal"):
        sandbox.control("POST", f"pages/{page}/migrate")
    try:
        block = run("services").out
        routes = "severity: [{is: MINOR}]\nroutes: [{name: labelled, services: {label: service}}]\n"
        config.write_text(f"version: 1\n{block}{routes}")
        shown = run("check", config, "--online")
        assert (shown.code, "Problem" in shown.out) == (0, False)
        assert "  # checkout-" in block
    finally:
        sandbox.control("POST", "reset")


@pytest.mark.usefixtures("environment")
def test_services_are_printed_as_json(run):
    found = json.loads(run("services", "--output", "json").out)
    assert [each["name"] for each in found] == ["Checkout", "Checkout", "Orders", "Payments", "Yes", "Ümlaut: API"]
    assert [(page["name"], page["private"]) for page in found[0]["pages"]] == [("Public", False), ("Internal", True)]
    assert found[2]["target"] == {"page": "platform", "component": "Orders"}
    assert [(page["generation"], page["private"]) for page in found[2]["pages"]] == [("v3", None)]


@pytest.fixture
def printed(run, monkeypatch):
    """What is printed of an inventory."""

    def print_(**parts):
        async def read() -> Inventory:
            return Inventory(**parts)

        monkeypatch.setattr(services, "_read", read)
        head, *lines = run("services").out.splitlines()
        assert head == "services:"
        return lines

    return print_


def test_services_of_one_name_are_told_apart_by_id(printed):
    twins = tuple(RemoteService(id=f"{digit}0000000-0", name="Twin", account_id="a") for digit in "12")
    pages = tuple(Page(id=i, name=i, url=i, private=False, services=frozenset({twins[1].id})) for i in "ab")
    assert printed(services=twins, pages=pages) == [
        "  twin: {id: 20000000-0}  # shown on a, b: if that is meant, {id: 20000000-0, shared: true}",
        "  # twin-10000000: {id: 10000000-0}  # on no page: no reader would see it",
    ]


def test_the_component_that_took_a_services_place_gets_its_key(printed):
    """Routes go on as they are."""
    service = RemoteService(id="10000000-0", name="Checkout", account_id="a")
    page, component = RemotePage(id="p", name="Acme", url="acme"), RemoteComponent(id="c", name="Checkout")
    assert printed(services=(service,), v3_pages=(page,), components={"p": (component,)}) == [
        "  checkout: {page: acme, component: Checkout}  # shown on Acme",
        "  # checkout-10000000: Checkout  # on no page: no reader would see it",
    ]


def test_components_of_one_name_are_told_apart_by_page_or_id(printed):
    components = {
        "1": (RemoteComponent(id="c1", name="API", is_group=True), RemoteComponent(id="c2", name="API")),
        "2": tuple(RemoteComponent(id=f"{n}", name="API") for n in ("c3", "c4")),
        "3": (RemoteComponent(id="c5", name="検索", hidden=True),),
    }
    v3_pages = tuple(
        RemotePage(id=id_, name=f"Page {id_}", url=url) for id_, url in (("1", "a"), ("2", "b"), ("3", ""))
    )
    assert printed(v3_pages=v3_pages, components=components) == [
        "  api: {page: a, component: API}  # shown on Page 1",
        "  b-api: {page: b, component: c3}  # shown on Page 2",
        "  api-c4: {page: b, component: c4}  # shown on Page 2",
        "  # service: {page: '3', component: 検索}  # hidden on Page 3: no reader would see its impact",
    ]


def test_a_retired_v1_api_is_said(printed):
    assert printed(v1_gone="410 Gone") == ["# Checkly has retired the v1 API for this account: 410 Gone"]


@pytest.mark.parametrize("name", ["a\u202eb", "a\x1bb", "a\nb: c", "\u00e9t\u00e9"])
def test_a_name_can_be_pasted_whatever_is_in_it(printed, name):
    service = RemoteService(id="10000000-0", name=name, account_id="a")
    page = Page(id="p", name="p", url="p", private=False, services=frozenset({service.id}))
    (line,) = printed(services=(service,), pages=(page,))
    assert line.isprintable()
    assert list(yaml.safe_load(line).values()) == [name]
