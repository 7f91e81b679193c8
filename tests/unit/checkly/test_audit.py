"""Where configured services lead, and what is said when that is not where they should."""

from __future__ import annotations

import pytest

from bridge.checkly.account import Page
from bridge.checkly.audit import Audit, FindingKind, audit
from bridge.checkly.inventory import Inventory
from bridge.checkly.v1.services import RemoteService
from bridge.checkly.v3.components import RemoteComponent, RemotePage
from bridge.config.schema import Component, Service

CHECKOUT = RemoteService(id="s1", name="Checkout", account_id="a")
PAYMENTS = RemoteService(id="s2", name="Payments", account_id="a")
ACME = Page(id="p1", name="Acme", url="acme", domain="status.example.com", private=False, services=frozenset({"s1"}))
INTERNAL = Page(id="p2", name="Internal", url="internal", private=True, services=frozenset())
PLATFORM = RemotePage(id="p3", name="Platform", url="platform")
COMPONENTS = (
    RemoteComponent(id="c1", name="Orders"),
    RemoteComponent(id="c2", name="API", is_group=True),
    RemoteComponent(id="c3", name="Secret", hidden=True),
    RemoteComponent(id="c4", name="Twin"),
    RemoteComponent(id="c5", name="Twin"),
)
INVENTORY = Inventory(
    services=(CHECKOUT, PAYMENTS), pages=(ACME, INTERNAL), v3_pages=(PLATFORM,), components={"p3": COMPONENTS}
)
V1 = Service(name="checkout", remote_name="Checkout")


def v3(component: str, page: str = "platform", name: str = "orders") -> Service:
    return Service(name=name, in_v1=False, components=(Component(page=page, component=component),))


def look(*services: Service, inventory: Inventory = INVENTORY) -> Audit:
    return audit({each.name: each for each in services}, inventory)


def only_problem(*services: Service, inventory: Inventory = INVENTORY) -> tuple[FindingKind, str]:
    (problem,) = look(*services, inventory=inventory).findings
    return problem.kind, problem.message


def test_every_target_is_found_with_its_pages() -> None:
    both = Service(name="both", remote_name="Checkout", components=(Component(page="p3", component="Orders"),))
    found = look(both)
    assert found.findings == ()
    assert [(each.generation, each.id, each.name) for each in found.targets] == [
        ("v1", "s1", "Checkout"),
        ("v3", "c1", "Orders"),
    ]
    assert [(page.name, page.url, page.private) for page in found.pages_of(["both"])] == [
        ("Acme", "status.example.com", False),
        ("Platform", "platform", None),
    ]
    assert found.pages_of(["another"]) == ()


def test_a_page_that_shows_several_services_counts_once() -> None:
    found = look(v3("Orders"), v3("Secret", name="secret"))
    assert len(found.pages_of(["orders", "secret"])) == 1


@pytest.mark.parametrize(
    ("service", "kind", "says"),
    [
        (Service(name="shop", remote_name="Chekout"), FindingKind.NOT_FOUND, "did you mean 'Checkout'?"),
        (
            v3("Order"),
            FindingKind.NOT_FOUND,
            "service 'orders': page 'platform' has no component 'Order'; did you mean",
        ),
        (v3("Orders", page="plattform"), FindingKind.NOT_FOUND, "the account has no v3 status page 'plattform'"),
        (v3("Twin"), FindingKind.NOT_FOUND, "has 2 components 'Twin'; give one's id (c4, c5)"),
        (v3("API"), FindingKind.NOT_FOUND, "'API' is a group on page 'platform'"),
        (v3("Secret"), FindingKind.HIDDEN, "component 'Secret' of page 'platform' is hidden"),
        (Service(name="pay", id="s2"), FindingKind.NO_PAGE, "service 'pay': no status page shows 'Payments'"),
    ],
)
def test_what_is_wrong_with_a_target_is_said(service: Service, kind: FindingKind, says: str) -> None:
    found, message = only_problem(service)
    assert found is kind
    assert says in message


def test_what_is_not_there_leads_to_no_page() -> None:
    assert [target.pages for target in look(v3("Order"), Service(name="x", remote_name="X")).targets] == [(), ()]


def on_two_pages(*, shared: bool) -> tuple[Service, Inventory]:
    pages = (ACME, Page(id="p2", name="Internal", url="internal", private=True, services=frozenset({"s1"})))
    return Service(name="checkout", remote_name="Checkout", shared=shared), Inventory(services=(CHECKOUT,), pages=pages)


def test_several_pages_must_be_meant() -> None:
    service, inventory = on_two_pages(shared=False)
    trouble, message = only_problem(service, inventory=inventory)
    assert trouble is FindingKind.SEVERAL_PAGES
    assert "(Acme, Internal)" in message
    assert "`shared: true`" in message
    meant, inventory = on_two_pages(shared=True)
    assert look(meant, inventory=inventory).findings == ()
    assert len(look(meant, inventory=inventory).pages_of(["checkout"])) == 2


@pytest.mark.parametrize(
    "now",
    [
        RemotePage(id="P1", name="Acme", url="new"),
        RemotePage(id="new", name="Acme", url="Acme"),
        RemotePage(id="new", name="Acme", url="new", domain="status.example.com"),
    ],
)
def test_a_page_that_is_a_v3_page_by_now_is_noticed(now: RemotePage) -> None:
    """By its id, its URL or its domain, whichever it kept."""
    inventory = Inventory(services=(CHECKOUT,), pages=(ACME,), v3_pages=(now,), components={now.id: ()})
    trouble, message = only_problem(V1, inventory=inventory)
    assert trouble is FindingKind.MOVED
    assert message.startswith("service 'checkout': page 'Acme', which showed 'Checkout', has moved to v3")


def test_a_page_that_v1_itself_calls_v3_has_moved() -> None:
    moved = Page(id="p1", name="Acme", url="acme", private=False, services=frozenset({"s1"}), version=3)
    assert only_problem(V1, inventory=Inventory(services=(CHECKOUT,), pages=(moved,)))[0] is FindingKind.MOVED
    older = Page(id="p1", name="Acme", url="acme", private=False, services=frozenset({"s1"}), version=2)
    assert look(V1, inventory=Inventory(services=(CHECKOUT,), pages=(older,))).findings == ()


def test_a_v3_page_of_another_address_is_another_page() -> None:
    assert look(V1).findings == ()


def test_the_component_that_may_have_become_of_a_service_is_named() -> None:
    group, service = (RemoteComponent(id=f"{n}", name="Checkout", is_group=n == 1) for n in (1, 2))
    grouped = RemotePage(id="p4", name="Grouped", url="grouped")
    components = {"p3": (group, service), "p4": (group,)}
    inventory = Inventory(services=(CHECKOUT,), v3_pages=(PLATFORM, grouped), components=components)
    what = "service 'checkout': no status page shows 'Checkout', so no reader would see it"
    now = "is it {page: 'platform', component: 'Checkout'} now?"
    assert only_problem(V1, inventory=inventory) == (FindingKind.NO_PAGE, f"{what}; {now}")
    assert only_problem(Service(name="pay", id="s2"))[1].endswith("`bridge services` lists the components of v3 pages")


def test_a_retired_v1_api_is_named_as_that_once() -> None:
    inventory = Inventory(v3_pages=(PLATFORM,), components={"p3": COMPONENTS}, v1_gone="GET /v1/…: 410 Gone")
    trouble, message = only_problem(V1, Service(name="pay", id="s2"), v3("Orders"), inventory=inventory)
    assert trouble is FindingKind.V1_RETIRED
    assert message == (
        "Checkly has retired the v1 API for this account: "
        "name pages and components for 'checkout', 'pay' instead (GET /v1/…: 410 Gone)"
    )
    assert look(v3("Orders"), inventory=inventory).findings == ()


def test_one_page_under_two_names_is_a_problem() -> None:
    trouble, message = only_problem(v3("Orders"), v3("c4", page="p3", name="twin"))
    assert trouble is FindingKind.TWO_NAMES
    assert message == "'platform' and 'p3' are the same page 'Platform': call it by one name everywhere"


def test_one_component_or_service_under_two_names_is_a_problem() -> None:
    assert only_problem(v3("Orders"), v3("c1", name="again")) == (
        FindingKind.TWO_NAMES,
        "services 'orders' and 'again' both are 'Orders': name it once",
    )
    assert only_problem(V1, Service(name="again", id="s1"))[0] is FindingKind.TWO_NAMES


def test_a_service_and_the_component_that_kept_its_id_are_two_things() -> None:
    inventory = Inventory(
        services=(CHECKOUT,),
        pages=(ACME,),
        v3_pages=(PLATFORM,),
        components={"p3": (RemoteComponent(id="s1", name="Checkout"),)},
    )
    assert look(V1, v3("Checkout"), inventory=inventory).findings == ()
