"""Checkly's v3 pages: incidents of a page, with an impact on each component; beside v1, after it, and beside others."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from bridge.core.lifecycle import LEFT_TO_ANOTHER as LEFT
from tests.scenarios.impatient import Impatient
from tests.scenarios.vocabulary import (
    INCIDENTS_V3,
    Outage,
    Page,
    command,
    configuration,
    log_of,
    logged,
    metric,
    observed,
    write_configuration,
)
from tests.servers import Bridge, Sandbox, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import redis

    from tests.scenarios.vocabulary import MeasuredOutage

READERS = ["reader@example.com"]
MIGRATIONS = {"copied": "new", "moved": "kept", "left": "new"}
"""Pages that will be migrated, by what becomes of their incidents; and what becomes of ids."""

ACCOUNT = {
    "name": "Shop",
    "services": ["Checkout", "Payments", *(each.title() for each in MIGRATIONS)],
    "pages": [
        {
            "name": "Shop",
            "url": "shop",
            "cards": [{"name": "Services", "services": ["Checkout", "Payments"]}],
            "subscribers": READERS,
        },
        {"name": "Store", "url": "store", "components": ["Checkout", "Payments"], "subscribers": READERS},
        {"name": "Platform", "url": "platform", "components": ["Search"], "subscribers": READERS},
        *(
            {"name": each.title(), "url": each, "cards": [{"name": "All", "services": [each.title()]}]}
            for each in MIGRATIONS
        ),
    ],
}
CHECKOUT, PAYMENTS = ({"page": "store", "component": name} for name in ("Checkout", "Payments"))
SEARCH = {"page": "platform", "component": "Search"}
V3 = {"checkout": CHECKOUT, "payments": PAYMENTS, "search": SEARCH}
BOTH = {"checkout": ["Checkout", CHECKOUT], "payments": ["Payments", PAYMENTS]}
MIGRATING = {each: each.title() for each in MIGRATIONS}
MIGRATED = {each: {"page": each, "component": each.title()} for each in MIGRATIONS}
MAJOR, DEGRADED, FINE = "MAJOR_OUTAGE", "DEGRADED_PERFORMANCE", "OPERATIONAL"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A shop with a page of the v1 API and two v3 pages."""
    directory = tmp_path_factory.mktemp("sandbox")
    account = directory / "account.yaml"
    account.write_text(yaml.safe_dump(ACCOUNT))
    with Sandbox(directory, account=account) as server:
        yield server


@pytest.fixture
def services() -> Mapping[str, Any]:
    """What the configuration says of the shop's services."""
    return V3


@pytest.fixture
def config(tmp_path: Path, services: Mapping[str, Any]) -> Path:
    return configure(tmp_path / "bridge.yaml", services)


def configure(path: Path, services: Mapping[str, Any], *, reopen_after: str = "60s", **checkly: Any) -> Path:
    """The configuration with these services, and one incident for each region."""
    parts = configuration()
    return write_configuration(
        path,
        services=dict(services),
        checkly=parts["checkly"] | checkly,
        defaults=parts["defaults"] | {"resolve_after": "1s", "reopen_after": reopen_after},
        routes=[{**route, "group_by": ["region"]} for route in parts["routes"]],
    )


def reload(bridge: Bridge) -> None:
    """Have the bridge read its file, and wait until that is in force."""
    loaded = len(log_of(bridge, "config_loaded"))
    bridge.signal(signal.SIGHUP)
    logged(bridge, "config_loaded", times=loaded + 1)


def check_online(bridge: Bridge, config: Path) -> tuple[int, str]:
    """The exit code of ``bridge check --online``, and what it says."""
    result = command("check", config, "--online", environment=bridge.environment())
    return result.returncode, result.stdout + result.stderr


@pytest.mark.needs("prometheus")
@pytest.mark.needs("alertmanager")
def test_impacts_follow_the_alerts_of_each_component_on_two_pages(measured_outage: MeasuredOutage, page: Page):
    measured_outage.fires("checkout", severity="warning")
    store = page.shows("store", status="INVESTIGATING", impacts={"Checkout": DEGRADED})
    assert store.messages[0].public_at == measured_outage.started_at

    measured_outage.fires("checkout", severity="critical")
    measured_outage.fires("payments", severity="warning")
    measured_outage.fires("search", severity="critical")
    page.shows("store", id=store.id, impacts={"Checkout": MAJOR, "Payments": DEGRADED})
    platform = page.shows("platform", status="INVESTIGATING", impacts={"Search": MAJOR})

    measured_outage.ends("payments", "search")
    page.shows("platform", id=platform.id, status="RESOLVED", impacts={"Search": FINE})
    page.shows("store", id=store.id, status="INVESTIGATING", impacts={"Checkout": MAJOR, "Payments": FINE})

    measured_outage.ends()
    ended = [page.shows(on, id=id_, status="RESOLVED") for on, id_ in (("store", store.id), ("platform", platform.id))]
    assert [incident.statuses.count("RESOLVED") for incident in ended] == [1, 1]
    assert {impact for incident in ended for impact in incident.impacts.values()} == {FINE}
    assert page.opened == 2
    told = [subject.partition(":")[0] for subject in page.mails]
    assert sorted(told) == [
        "[Platform] Investigating",
        "[Platform] Resolved",
        "[Store] Investigating",
        "[Store] Resolved",
    ]


def test_a_page_that_has_recovered_lives_on_its_own_while_the_outage_goes_on_elsewhere(
    bridge: Bridge, outage: Outage, page: Page, config: Path
):
    outage.fires("checkout")
    elsewhere = Outage(bridge)
    elsewhere.fires("search")
    store, platform = (page.shows(on, status="INVESTIGATING") for on in ("store", "platform"))
    elsewhere.ends()
    over = page.shows("platform", id=platform.id, status="RESOLVED", impacts={"Search": FINE})
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]

    elsewhere.fires("search", severity="critical")
    page.shows("platform", id=platform.id, status="INVESTIGATING", impacts={"Search": MAJOR})
    elsewhere.ends()
    page.shows("platform", id=platform.id, status="RESOLVED")

    configure(config, V3, reopen_after="0s")
    reload(bridge)
    elsewhere.fires("search")
    eventually(lambda: [each.status for each in page.on("platform")] == ["INVESTIGATING", "RESOLVED"], "another one")
    assert page.on("platform")[0].id != platform.id
    assert page.shows("store", id=store.id, status="INVESTIGATING").statuses == ["INVESTIGATING"]
    outage.ends()
    elsewhere.ends()
    eventually(lambda: {each.status for each in page.incidents} == {"RESOLVED"}, "the end of all")
    assert page.opened == 3


def test_a_look_sees_what_a_person_sets_on_a_component_and_that_he_resolves(
    bridge: Bridge, outage: Outage, page: Page, config: Path
):
    parts = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(parts | {"people": {"look_every": "1s"}}))
    reload(bridge)
    outage.fires("checkout", severity="warning")
    incident = page.shows("store", status="INVESTIGATING", impacts={"Checkout": DEGRADED})
    eventually(lambda: observed(bridge)["drift"] == [], "the first look")
    with person_at(page.sandbox) as api:
        (store,) = (
            each for each in api.get("/v3/status-pages").raise_for_status().json()["entries"] if each["url"] == "store"
        )
        path = f"/v3/status-pages/{store['id']}/incidents/{incident.id}"
        standing = api.get(path).raise_for_status().json()
        impacts = [{"componentId": each["componentId"], "status": MAJOR} for each in standing["componentImpacts"]]
        api.put(path, json={"name": "Checkout is down", "componentImpacts": impacts}).raise_for_status()
        eventually(lambda: observed(bridge)["drift"] == ["impacts", "name"], "a look that sees it")
        assert observed(bridge)["impacts"] == {"checkout": MAJOR}
        end = {"description": "Works.", "status": "RESOLVED", "notifySubscribers": False}
        api.post(f"{path}/incident-updates", json=end).raise_for_status()
    logged(bridge, "closed_by_others")
    over = page.shows("store", id=incident.id, status="RESOLVED", name="Checkout is down")
    assert over.statuses == ["INVESTIGATING", "RESOLVED"]
    assert len(log_of(bridge, "page_written")) == 1


def person_at(sandbox: Sandbox) -> httpx.Client:
    """Whoever works with Checkly's web application, through the API that it uses."""
    headers = {"Authorization": "Bearer sandbox", "X-Checkly-Account": sandbox.account_id}
    return httpx.Client(base_url=sandbox.url, headers=headers)


@pytest.mark.parametrize("services", [BOTH], ids=["both"])
def test_one_outage_on_pages_of_both_generations(outage: Outage, page: Page):
    outage.fires("checkout", severity="warning")
    outage.fires("payments", severity="critical")
    v1 = page.shows("shop", status="INVESTIGATING", severity="CRITICAL", services=("Checkout", "Payments"), impacts={})
    v3 = page.shows("store", status="INVESTIGATING", severity=None, impacts={"Checkout": DEGRADED, "Payments": MAJOR})
    outage.ends()
    for on, incident in (("shop", v1), ("store", v3)):
        over = page.shows(on, id=incident.id, status="RESOLVED")
        assert over.messages[0].public_at == v1.messages[0].public_at
        assert over.statuses.count("RESOLVED") == 1
    assert page.opened == 2
    assert len(page.mails) == 4


@pytest.mark.parametrize("services", [BOTH], ids=["both"])
def test_where_the_true_dates_are_refused_pages_of_both_generations_tell_all_the_same(
    bridge: Bridge, outage: Outage, page: Page
):
    page.sandbox.control("PATCH", "settings", early_date=400)
    outage.fires("checkout")
    opened = {on: page.shows(on, status="INVESTIGATING") for on in ("shop", "store")}
    outage.ends()
    for on, incident in opened.items():
        over = page.shows(on, id=incident.id, status="RESOLVED")
        assert [over.statuses.count(status) for status in ("INVESTIGATING", "RESOLVED")] == [1, 1]
    posts = bridge.incidents()["incidents"][0]["posts"]
    assert ["the published start is not the true one" in " ".join(post["why"]) for post in posts] == [True, True]
    assert page.opened == 4, "each once with its date, and once without"


FATES: dict[str, dict[str, Any]] = {
    "lost": {"kind": "drop", "commit": True},
    "late": {"kind": "delay", "ms": 1_500},
    "killed": {"kind": "hold", "commit": True},
}
APART = {"checkout": "Checkout", "payments": "Payments", "checkout-3": CHECKOUT, "payments-3": PAYMENTS}


@pytest.mark.parametrize("services", [APART], ids=["apart"])
@pytest.mark.parametrize("fate", FATES)
def test_what_a_change_of_unknown_outcome_brought_is_taken_back(
    bridge: Bridge, outage: Outage, page: Page, config: Path, fate: str
):
    """On v1 a service stays once it is there: its severity falls, and the last text tells of it."""
    configure(config, APART, timeout="1s")
    reload(bridge)
    for service, region in (("payments", "v1"), ("payments-3", "v3")):
        outage.fires(service, region=region, severity="warning")
    v1, v3 = (page.shows(on, status="INVESTIGATING") for on in ("shop", "store"))
    page.fault(method="PUT", count=2, **FATES[fate])
    for service, region in (("checkout", "v1"), ("checkout-3", "v3")):
        outage.fires(service, region=region, severity="critical")
    if fate == "killed":
        page.holds(2)
        bridge.kill()
        bridge.start()
    else:
        eventually(lambda: [call["method"] for call in page.calls].count("PUT") == 2, "both to be changed")
    outage.ends("checkout", "checkout-3")
    page.shows("store", id=v3.id, impacts={"Checkout": FINE, "Payments": DEGRADED})
    page.shows("shop", id=v1.id, severity="MEDIUM", services=("Checkout", "Payments"))
    outage.ends()
    over = page.shows("store", id=v3.id, status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    over = page.shows("shop", id=v1.id, status="RESOLVED")
    assert "affecting Checkout and Payments" in over.messages[-1].text


@pytest.mark.parametrize("services", [BOTH], ids=["both"])
def test_when_v1_is_retired_it_is_said_and_v3_goes_on(bridge: Bridge, outage: Outage, page: Page):
    outage.fires("checkout")
    page.shows("shop", status="INVESTIGATING")
    page.shows("store", status="INVESTIGATING", impacts={"Checkout": DEGRADED})
    page.sandbox.control("PATCH", "settings", v1_gone=410)
    reload(bridge)  # the account is surveyed, as it is each day
    (line,) = logged(bridge, "audit_finding")
    assert (line["kind"], line["level"]) == ("v1_retired", "error")
    assert "Checkly has retired the v1 API for this account" in line["reason"]
    assert "410" in line["reason"]
    outage.fires("payments")
    page.shows("store", impacts={"Checkout": DEGRADED, "Payments": DEGRADED})
    outage.ends()
    page.shows("store", status="RESOLVED")


@pytest.mark.parametrize("services", [MIGRATING], ids=["v1"])
def test_pages_are_migrated_in_the_middle_of_an_outage(bridge: Bridge, outage: Outage, page: Page, config: Path):
    """Each in another way: readers of each see one incident through to its end, whatever Checkly carries over."""
    for each in MIGRATIONS:
        outage.fires(each, region=each)
        page.shows(each, status="INVESTIGATING", severity="MEDIUM")
    for each, ids in MIGRATIONS.items():
        page.sandbox.control("POST", f"pages/{each}/migrate", ids=ids, incidents=each)
    carried = {incident.id for each in MIGRATIONS for incident in page.on(each)}

    code, said = check_online(bridge, config)
    assert code == 1
    for each in MIGRATIONS:
        moved = f"no status page shows '{each.title()}', so no reader would see it; is it {{page: '{each}', component: "
        assert moved in said
    reload(bridge)  # of the same file: the account is surveyed, as it is each day
    eventually(lambda: metric(bridge, "bridge_audit_findings", kind="no_page") == 3, "the metric to tell")
    assert {line["kind"] for line in log_of(bridge, "audit_finding")} == {"no_page"}

    configure(config, MIGRATED)
    assert check_online(bridge, config)[0] == 0
    reload(bridge)
    followed = {each: page.shows(each, status="INVESTIGATING", impacts={each.title(): DEGRADED}) for each in MIGRATIONS}
    assert [incident.id in carried for incident in followed.values()] == [True, True, False]
    eventually(
        lambda: metric(bridge, "bridge_audit_findings") == 0, "the audit, which waits for all else, to find nothing"
    )

    outage.ends()
    for each, incident in followed.items():
        over = page.shows(each, id=incident.id, status="RESOLVED")
        assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]
    eventually(lambda: {each.status for each in page.incidents} == {"RESOLVED"}, "the ends in v1 as well")
    assert page.opened == len(MIGRATIONS) + 1, "what was left behind is posted anew, and nothing else"


@pytest.fixture
def impatient(tmp_path: Path, page: Page, config: Path, redis_url: str) -> Iterator[Bridge]:
    with Impatient(tmp_path / "impatient", config=config, sandbox=page.sandbox, redis_url=redis_url) as bridge:
        yield bridge


class Rules:
    """A check's trigger, for the v1 page, and an automation rule, for a v3 page, both about one service."""

    def __init__(self, page: Page, service: str) -> None:
        self._page = page
        about = {"name": f"A check of {service} fails"}
        self.opened: list[str] = [
            page.sandbox.control("POST", f"rules/{rule}-{service}/fire", **about, **what)["id"]
            for rule, what in (
                ("trigger", {"services": [service], "severity": "MAJOR"}),
                ("automation", {"page": "store", "impacts": {service: MAJOR}}),
            )
        ]
        self._service = service

    def clear(self, rule: str) -> None:
        self._page.sandbox.control("POST", f"rules/{rule}-{self._service}/clear")

    @property
    def touched(self) -> bool:
        """Whether anything was written to what they opened."""
        return any(call["method"] != "GET" and id_ in call["path"] for call in self._page.calls for id_ in self.opened)


def withheld(bridge: Bridge) -> list[str]:
    """The incidents of others for which posts are withheld."""
    posts = [post for incident in bridge.incidents()["incidents"] for post in incident["posts"]]
    return sorted(post["second_writer"] for post in posts if post["second_writer"])


def ours(page: Page, on: str) -> list[str]:
    """The statuses of what the bridge has posted on a page, the most recently updated first."""
    return [each.status for each in page.on(on) if "Reference: " in each.messages[0].text]


@pytest.mark.parametrize("services", [BOTH], ids=["both"])
def test_while_an_incident_of_checkly_s_own_is_open_the_bridge_holds_back(impatient: Bridge, page: Page, config: Path):
    outage, first, second = Outage(impatient), Rules(page, "Checkout"), Rules(page, "Payments")
    outage.fires("checkout", region="eu")
    eventually(
        lambda: metric(impatient, "bridge_incidents_withheld", reason="second_writer") == 1, "the metric to tell"
    )
    listed = command("incidents", "list", "--url", impatient.url, environment=impatient.environment())
    assert all(f"withheld: {id_} is open for the same service" in listed.stdout for id_ in first.opened)
    assert page.opened == 0

    first.clear("automation")
    eventually(lambda: ours(page, "store") == ["INVESTIGATING"], "ours on the v3 page")
    assert (ours(page, "shop"), withheld(impatient)) == ([], first.opened[:1])
    first.clear("trigger")
    eventually(lambda: ours(page, "shop") == ["INVESTIGATING"], "ours on the v1 page")
    eventually(lambda: withheld(impatient) == [], "nothing to be withheld")

    outage.fires("payments", region="us")
    eventually(lambda: withheld(impatient) == sorted(second.opened), "both pages to be withheld")
    outage.ends()
    eventually(lambda: [line for line in log_of(impatient, "phase_changed") if line["note"] == LEFT], "its end")
    second.clear("automation")
    second.clear("trigger")
    eventually(lambda: ours(page, "store") == ours(page, "shop") == ["RESOLVED"], "the end of the first")

    third = Rules(page, "Payments")
    configure(config, BOTH, second_writer="ignore")
    reload(impatient)
    outage.fires("payments", region="cn")
    eventually(lambda: ours(page, "store") == ours(page, "shop") == ["INVESTIGATING", "RESOLVED"], "ours beside them")
    assert page.opened == 4
    assert not any(rules.touched for rules in (first, second, third))


def test_an_incident_that_redis_forgot_is_found_again_and_resolved(
    bridge: Bridge, outage: Outage, page: Page, redis_look: redis.Redis
):
    outage.fires("checkout", severity="critical")
    outage.fires("search")
    incident = page.shows("store", status="INVESTIGATING", impacts={"Checkout": MAJOR})
    other = page.shows("platform", status="INVESTIGATING", impacts={"Search": DEGRADED})
    redis_look.flushall()
    outage.repeats()
    adopted = {line["remote_id"] for line in logged(bridge, "write_adopted", times=2)}
    assert adopted == {incident.id, other.id}

    redis_look.flushall()
    outage.ends()
    for on, one in (("store", incident), ("platform", other)):
        over = page.shows(on, id=one.id, status="RESOLVED")
        assert over.statuses.count("RESOLVED") == 1
    assert page.opened == 2
    assert len(page.mails) == 4


def test_a_lost_post_is_found_among_150_incidents_of_others(start_bridge: Any, page: Page, config: Path):
    """By its name and date, within a handful of requests; what was read before the post is not read again."""
    configure(config, V3, second_writer="ignore", requests_per_minute=6_000)
    page.sandbox.control("POST", "crowd", page="store", incidents=150, every_ms=1_000)
    page.fault("drop", method="POST", path=INCIDENTS_V3, commit=True)
    bridge = start_bridge()
    outage = Outage(bridge)
    outage.fires("checkout", region="eu")
    logged(bridge, "write_adopted")
    calls = page.calls
    posted = next(number for number, call in enumerate(calls) if call["method"] == "POST")
    assert len([call for call in calls[:posted] if call["path"].count("/") == 5]) == 150, "each was read once"
    assert len(calls[posted + 1 :]) <= 5

    outage.fires("payments", region="us")
    eventually(lambda: ours(page, "store") == ["INVESTIGATING", "INVESTIGATING"], "the next one beside it")
    outage.ends()
    eventually(lambda: ours(page, "store") == ["RESOLVED", "RESOLVED"], "the ends of both")
    assert page.opened == 2
    assert len(page.calls) - posted < 40, "nothing else was read again"
