"""Which page and which component a configuration means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bridge.checkly.v3.components import (
    Directory,
    RemoteComponent,
    RemotePage,
    TargetMissing,
    find_component,
    find_page,
)
from bridge.config.schema import Component

if TYPE_CHECKING:
    from tests.unit.checkly.helpers import ClientFor, Time

PAGES = [
    RemotePage(id="aaaa", name="Status", url="shop", domain="Status.example.com"),
    RemotePage(id="bbbb", name="shop", url="web"),
    RemotePage(id="cccc", name="Twin", url="one"),
    RemotePage(id="dddd", name="Twin", url="two"),
    RemotePage(id="eeee", name="Odd", url="AAAA"),
]
COMPONENTS = [
    RemoteComponent(id="a1", name="Checkout"),
    RemoteComponent(id="a2", name="API", is_group=True),
    RemoteComponent(id="a3", name="Twin"),
    RemoteComponent(id="a4", name="Twin"),
    RemoteComponent(id="a5", name="Search", is_group=True),
    RemoteComponent(id="a6", name="Search", hidden=True),
    RemoteComponent(id="a7", name="a1"),
]


class TestPage:
    @pytest.mark.parametrize(
        ("reference", "id_"),
        [
            ("aaaa", "aaaa"),  # an id before a URL
            ("AAAA", "aaaa"),
            ("shop", "aaaa"),  # a URL before a name
            ("SHOP", "aaaa"),
            ("status.EXAMPLE.com", "aaaa"),
            ("Status", "aaaa"),
            ("web", "bbbb"),
            ("dddd", "dddd"),
            ("two", "dddd"),
        ],
    )
    def test_a_page_is_found_by_id_address_or_name(self, reference: str, id_: str) -> None:
        assert find_page(reference, PAGES).id == id_

    @pytest.mark.parametrize(
        ("reference", "pages", "message"),
        [
            ("Twin", PAGES, r"has 2 v3 status pages 'Twin'; give one's id \(cccc, dddd\)"),
            ("status", PAGES, r"no v3 status page 'status'; did you mean 'Status'"),
            ("x", [], r"no v3 status page 'x'; it has no v3 page at all"),
        ],
    )
    def test_what_is_missing_or_unclear_is_said(self, reference: str, pages: Any, message: str) -> None:
        with pytest.raises(TargetMissing, match=message):
            find_page(reference, pages)


class TestComponent:
    @pytest.mark.parametrize(
        ("component", "id_"),
        [("Checkout", "a1"), ("a1", "a1"), ("A1", "a1"), ("a4", "a4"), ("Search", "a6"), ("a6", "a6")],
    )
    def test_it_is_found_by_id_or_exact_name_and_a_group_is_none(self, component: str, id_: str) -> None:
        assert find_component(Component(page="shop", component=component), COMPONENTS).id == id_

    @pytest.mark.parametrize(
        ("component", "components", "message"),
        [
            ("Twin", COMPONENTS, r"page 'shop' has 2 components 'Twin'; give one's id \(a3, a4\)"),
            ("API", COMPONENTS, r"'API' is a group on page 'shop'; name one of its components"),
            ("a2", COMPONENTS, r"'a2' is a group on page 'shop'"),
            ("checkout", COMPONENTS, r"page 'shop' has no component 'checkout'; did you mean 'Checkout'"),
            ("x", [], r"page 'shop' has no component 'x'; it has none at all"),
        ],
    )
    def test_what_is_missing_or_unclear_is_said(self, component: str, components: Any, message: str) -> None:
        with pytest.raises(TargetMissing, match=message):
            find_component(Component(page="shop", component=component), components)


class TestDirectory:
    @pytest.fixture
    def asked(self) -> list[str]:
        return []

    @pytest.fixture
    def directory(self, client_for: ClientFor, clock: Time, asked: list[str]) -> Directory:
        page: dict[str, Any] = {"id": "p/1", "name": "Status", "url": "shop", "customDomain": None, "new": {}}
        listed: dict[str, list[dict[str, Any]]] = {
            "/v3/status-pages": [page, {"id": "p2"}],
            "/v3/status-pages/p%2F1/components": [
                {"id": "c1", "name": "API", "type": "GROUP", "hidden": False},
                {"id": "c2", "name": "Orders", "type": "SERVICE", "hidden": True, "parentId": "c1"},
            ],
            "/v3/status-pages/p2/components": [{"id": "c3", "name": 3}],
        }

        def answer(request: httpx.Request) -> httpx.Response:
            path = request.url.raw_path.decode().partition("?")[0]
            asked.append(path)
            found = listed[path]
            at = int(request.url.params.get("nextId", 0))
            more = str(at + 1) if at + 1 < len(found) else None
            return httpx.Response(200, json={"length": 1, "entries": found[at : at + 1], "nextId": more})

        return Directory(client_for(answer), clock=clock)

    async def test_it_reads_whole_lists_and_tolerates_what_it_does_not_know(self, directory: Directory) -> None:
        assert await directory.pages() == (
            RemotePage(id="p/1", name="Status", url="shop"),
            RemotePage(id="p2", name="", url=""),
        )
        assert await directory.components("p/1") == (
            RemoteComponent(id="c1", name="API", is_group=True),
            RemoteComponent(id="c2", name="Orders", hidden=True),
        )

    async def test_the_directory_caches_each_page_apart(
        self, directory: Directory, asked: list[str], clock: Time
    ) -> None:
        for _ in range(3):
            await directory.pages()
            await directory.components("p/1")
            (other,) = await directory.components("p2")
            assert other == RemoteComponent(id="c3", name="")
        assert len(asked) == 5, "two pages of a list each, and one list of one"
        clock.now += 10
        await directory.components("p2", max_age_ms=10)
        assert asked[5:] == ["/v3/status-pages/p2/components"]
