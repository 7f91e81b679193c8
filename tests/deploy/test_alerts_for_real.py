"""Each alert fires for its real cause, and each of the dashboard's queries finds data, in a real Prometheus.

The rules are those that are deployed, with their times cut to seconds.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.deploy.files import DEPLOY
from tests.scenarios import pager
from tests.scenarios.vocabulary import Outage, Page, alert, configuration, logged, now_ms, payload, write_configuration
from tests.servers import Bridge, PagerDutyServer, Prometheus, Redis, Sandbox, eventually
from tests.servers.stepped_redis import SteppedRedis

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = (DEPLOY / "monitoring" / "rules.yaml").read_text()
DASHBOARD = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
PAGERDUTY = Path(__file__).parents[1] / "fixtures" / "pagerduty"
OPERATORS = {"OPERATOR_TOKENS": "alice:alice-secret"}
JOB = "test"  # as tests.servers.Prometheus calls it
ROUTES = [
    {"name": "watchdog", "match": "alertname = Watchdog", "watchdog": True},
    {"name": "search", "match": "service = search", "services": ["search"]},
    *configuration()["routes"],
]
HEALING = {
    "alertmanagers": [{"name": "none", "urls": ["http://127.0.0.1:9"], "alive": {"match": "alertname = Watchdog"}}],
    "pagerduty": [{"credentials": "PAGERDUTY_READER", "interval": "1s", "subscription": "PSUB"}],
}

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("redis-server")]


def hurried(rules: str) -> list[dict[str, Any]]:
    """The rules with seconds for minutes and minutes for hours, so that a cause is seen at once."""
    rules = rules.replace("[10m]", "[5s]").replace("[1h]", "[1m]").replace('job="checkly-bridge"', f'job="{JOB}"')
    rules = re.sub(r"(watchdog\S+) > 300", r"\1 > 10", rules)  # what a bridge samples is up to 5 seconds old
    rules = re.sub(r"> (900|300|60)\b", "> 1", rules)
    return [{**rule, "for": "0s"} for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]]


class Scene:
    """A bridge with its neighbors, and a Prometheus that watches it, and a ``replica`` with a file of its own if asked.

    ``changes`` are of the configuration. ``errors_to`` is where the bridge logs.
    """

    def __init__(
        self,
        directory: Path,
        running: ExitStack,
        *,
        role: str = "all",
        eviction: str = "noeviction",
        redis: type[Redis] = Redis,
        replica: bool = False,
        errors_to: int | None = None,
        **changes: Any,
    ) -> None:
        changes = {"pagerduty": {"status_updates": True}, "routes": ROUTES, **changes}
        self.config = write_configuration(directory / "bridge.yaml", **changes)
        self.redis = running.enter_context(redis(directory / "redis", maxmemory_policy=eviction))
        self.page = Page(
            running.enter_context(Sandbox(directory / "sandbox", services=["Checkout", "Payments", "Search"]))
        )
        self.pagerduty = running.enter_context(PagerDutyServer())
        self.pagerduty.subscribe("PSUB")
        asking = {"PAGERDUTY_READER": self.pagerduty.key, "PAGERDUTY_API_URL": self.pagerduty.url}
        self.bridge = Bridge(
            directory / "bridge",
            config=self.config,
            sandbox=self.page.sandbox,
            redis_url=self.redis.url,
            role=role,
            environment=pager.ENVIRONMENT | asking | OPERATORS,
        )
        self.bridge.errors_to = errors_to
        self.replica = Bridge(
            directory / "replica",
            config=write_configuration(directory / "replica.yaml", **changes, retention="8d"),
            sandbox=self.page.sandbox,
            redis_url=self.redis.url,
        )
        bridges = (self.bridge, *([self.replica] if replica else []))
        self.outage = Outage(self.bridge)
        self._prometheus = Prometheus(
            directory / "prometheus", rules=hurried(RULES), targets=[f"127.0.0.1:{each.port}" for each in bridges]
        )
        running.callback(self._prometheus.stop)
        self._prometheus.start(wait=False)  # it takes as long as the bridge
        for each in bridges:
            running.enter_context(each)
        self._prometheus.wait_ready()

    def query(self, expression: str) -> list[Any]:
        """What Prometheus answers."""
        answer = httpx.get(f"{self._prometheus.url}/api/v1/query", params={"query": expression}).raise_for_status()
        found: list[Any] = answer.json()["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {labels["alertname"] for labels in self._prometheus.firing()}

    def fires(self, name: str) -> None:
        """Wait until an alert fires."""
        eventually(lambda: name in self.firing(), f"{name} to fire")

    def calms(self, name: str) -> None:
        """Wait until an alert no longer fires."""
        eventually(lambda: name not in self.firing(), f"{name} to end")

    def fires_by(self, name: str, *causes: Callable[[int], object]) -> None:
        """Go on with these causes until an alert fires: a counter has to grow between two scrapes."""

        numbers = count()

        def caused() -> bool:
            number = next(numbers)
            for cause in causes:
                cause(number)
            return name in self.firing()

        eventually(caused, f"{name} to fire")

    def acts(self, verb: str) -> None:
        """Do something to the only incident, as an operator."""
        (incident,) = self.bridge.incidents()["incidents"]
        answer = httpx.post(
            f"{self.bridge.url}/api/incidents/{incident['id']}/actions",
            json={"action": verb, "reason": "because"},
            headers={"Authorization": "Bearer alice-secret"},
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text

    def heals(self) -> None:
        """Checkly answers properly again."""
        self.page.sandbox.control("DELETE", "faults")


@pytest.fixture
def start(tmp_path):
    with ExitStack() as running:
        yield lambda **options: Scene(tmp_path, running, **options)


def test_deliveries_that_cease_are_refused_or_lack_alerts(start):
    scene = start()
    scene.fires("Watchdog")
    scene.fires("BridgeNoDelivery")
    scene.fires("BridgeWatchdogSilent")

    def locked_out() -> bool:
        scene.bridge.deliver(payload(alert()), token="wrong")
        return "BridgeSenderLockedOut" in scene.firing()

    eventually(locked_out, "BridgeSenderLockedOut to fire")
    assert "BridgeDeliveriesRejected" not in scene.firing()

    def refused() -> bool:
        scene.bridge.deliver(b"no JSON")
        return "BridgeDeliveriesRejected" in scene.firing()

    eventually(refused, "BridgeDeliveriesRejected to fire")

    def truncated() -> bool:
        scene.bridge.deliver(payload(alert("resolved"), truncatedAlerts=3))
        return "BridgeAlertsLost" in scene.firing()

    eventually(truncated, "BridgeAlertsLost to fire")

    def remarked() -> bool:
        pager.delivered(scene.bridge, (PAGERDUTY / "incident-status-update.json").read_bytes())
        return "BridgePublicNoteDropped" in scene.firing()

    eventually(remarked, "BridgePublicNoteDropped to fire")

    def heard() -> bool:
        scene.bridge.deliver(payload(alert(alertname="Watchdog")))
        return not scene.firing() & {"BridgeNoDelivery", "BridgeWatchdogSilent"}

    eventually(heard, "silence to end while the Watchdog arrives")


def test_an_open_incident_and_what_checkly_may_answer(start):
    scene = start()
    scene.outage.fires("checkout")
    scene.page.shows(status="INVESTIGATING")
    scene.fires("BridgeResolveMissing")

    scene.page.fault("answer", status=503, count=None)
    scene.outage.fires("payments")
    scene.fires("BridgeNotDelivering")
    scene.heals()
    scene.page.shows(services=("Checkout", "Payments"))
    scene.calms("BridgeNotDelivering")

    scene.page.fault("answer", status=401, count=None)
    scene.outage.fires("payments", severity="critical")
    scene.fires("BridgeWritesPaused")
    scene.heals()
    scene.page.shows(severity="CRITICAL")
    scene.calms("BridgeWritesPaused")

    scene.page.fault("answer", status=422, method="POST", count=None)
    scene.outage.ends()
    scene.fires("BridgeIncidentsParked")
    scene.fires("BridgeIncidentWithoutAlert")


def test_a_post_that_comes_true_long_after_its_answer_was_lost(start):
    scene = start()
    scene.page.sandbox.control("PATCH", "settings", list_lag_ms=4_000)
    scene.page.fault("drop", method="POST", commit=True)
    scene.outage.fires("checkout")
    scene.fires("BridgeDuplicateIncident")


def test_a_store_that_was_lost_and_an_outage_that_nobody_saw(start):
    scene = start()
    scene.outage.fires("checkout")
    scene.page.shows(status="INVESTIGATING")
    scene.fires("BridgeResolveMissing")
    with scene.redis.client() as client:
        client.flushall()
    scene.outage.fires("search")
    scene.fires("BridgeIncidentsUnknown")

    scene.page.fault("answer", status=503, method="GET", count=None)
    scene.outage.fires("payments")
    logged(scene.bridge, "phase_changed", times=3)
    scene.outage.ends()
    scene.fires("BridgeIncidentWithoutAlert")
    scene.heals()
    scene.fires("BridgeOutageMissed")


def test_without_a_reconciler_an_incident_is_overdue(start):
    scene = start(role="receiver")
    scene.outage.fires("checkout")
    scene.fires("BridgeIncidentOverdue")


def test_somebody_else_was_faster_and_a_page_that_moved(start):
    scene = start()
    scene.page.sandbox.control("POST", "incidents", name="Opened by hand", services=["Checkout"])
    scene.outage.fires("checkout")
    scene.fires("BridgeSecondWriter")
    moved = 'bridge_audit_findings{kind="no_page"} > 0'
    assert scene.query(moved) == []
    scene.page.sandbox.control("POST", "pages/status/migrate")
    scene.config.write_text(f"{scene.config.read_text()}\n# it looks again after a change\n")
    eventually(partial(scene.query, moved), "the services to be missed on the page")
    scene.fires("BridgeAuditFindings")


def test_more_was_to_become_public_than_the_budgets_allow(start):
    scene = start()
    bounded = configuration(routes=ROUTES, budgets={"open": 1, "share": 1, "reserve": {}})
    scene.config.write_text(yaml.safe_dump(bounded))
    eventually(partial(scene.query, "bridge_budget_remaining == 1"), "the budgets to be in force")
    scene.outage.fires("search")
    scene.page.shows(status="INVESTIGATING")
    scene.outage.fires("checkout")
    scene.fires("BridgeBudgetTripped")
    scene.outage.ends("checkout")
    scene.fires("BridgeOutageSuppressed")
    scene.calms("BridgeBudgetTripped")


def test_pagerduty_turns_its_subscription_off_and_on_again(start):
    scene = start()
    scene.config.write_text(yaml.safe_dump(configuration(routes=ROUTES, healing=HEALING)))
    eventually(partial(scene.query, "bridge_sender_disabled == 0"), "the subscription to be asked about")
    scene.pagerduty.disable("PSUB")
    scene.fires("BridgeSenderDisabled")
    scene.pagerduty.enable("PSUB")
    scene.calms("BridgeSenderDisabled")
    assert scene.pagerduty.violations == []


def test_a_cluster_of_alertmanagers_that_nobody_reaches(start):
    nobody = {
        "name": "eu",
        "urls": ["http://127.0.0.1:9"],
        "alive": {"match": "alertname = Watchdog"},
    }
    scene = start(healing={"alertmanagers": [nobody], "interval": "200ms"})
    scene.fires("BridgeHealingBlind")
    scene.config.write_text(yaml.safe_dump(configuration(routes=ROUTES)))
    scene.calms("BridgeHealingBlind")


@pytest.mark.needs("cc")
def test_what_an_operator_took_over_and_what_a_person_opened_again_stand_open(start):
    scene = start(redis=SteppedRedis, people={"look_every": "1s"})
    scene.outage.fires("checkout")
    scene.page.shows(status="INVESTIGATING")
    scene.acts("take-over")
    scene.outage.ends()
    scene.fires("BridgeTakenOverIncidentOpen")
    assert "BridgeIncidentWithoutAlert" not in scene.firing()
    scene.acts("hand-back")
    scene.page.shows(status="RESOLVED")
    scene.calms("BridgeTakenOverIncidentOpen")

    scene.outage.fires("checkout")
    public = scene.page.shows(status="INVESTIGATING")
    scene.page.sandbox.control("PATCH", f"incidents/{public.id}", status="RESOLVED")
    eventually(lambda: scene.bridge.incidents()["incidents"][0]["page"] == "closed by hand", "it to be seen")
    scene.page.sandbox.control("PATCH", f"incidents/{public.id}", status="INVESTIGATING")
    scene.redis.set_clock(360)  # what others closed is read again after five minutes
    scene.fires("BridgeIncidentOpenByOthers")


def test_alerts_that_name_no_service_and_senders_that_look_like_one_or_say_no_more(start):
    by_receiver = [
        {"name": name, "match": f"__receiver__ = {name}", "services": [service]}
        for name, service in (("eu", "checkout"), ("us", "payments"))
    ]
    scene = start(senders={"alertmanager": {"cluster": {}}}, routes=[*by_receiver, *ROUTES])

    def unknown(number: int) -> None:
        assert scene.bridge.deliver(payload(alert(service="chekout", instance=str(number)))).status_code == 202

    def alike(number: int) -> None:
        for receiver in ("eu", "us", "eu"):
            scene.bridge.deliver(payload(alert(instance=str(number)), receiver=receiver))

    scene.fires_by("BridgeUnknownService", unknown)
    scene.fires_by("BridgeIdentityConflict", alike)
    headers = {"Authorization": f"Bearer {scene.bridge.alertmanager_token}"}
    once = httpx.post(f"{scene.bridge.webhook}/cluster", content=payload(alert("resolved")), headers=headers)
    assert once.status_code == httpx.codes.ACCEPTED
    scene.fires("BridgeSenderSilent")


def test_more_alerts_than_there_is_room_for_and_a_redis_that_is_nearly_full(start):
    scene = start(limits={"alerts": 1})
    scene.outage.fires("checkout")

    def invented(number: int) -> None:
        assert scene.bridge.deliver(payload(alert(instance=str(number)))).status_code == 503

    scene.fires_by("BridgeAlertsOverLimit", invented)
    with scene.redis.client() as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", int(used / 0.75))
    scene.fires("BridgeStoreFull")


def test_a_log_that_has_no_room(start):
    with Path("/dev/full").open("wb") as full:
        scene = start(errors_to=full.fileno())

        def logged_in_vain(number: int) -> None:
            scene.bridge.deliver(payload(alert(instance=str(number))))

        scene.fires_by("BridgeLogLinesDropped", logged_in_vain)


def test_replicas_with_two_files(start):
    scene = start(replica=True)
    scene.fires("BridgeConfigDiffers")
    scene.replica.stop()
    scene.calms("BridgeConfigDiffers")


def test_each_rule_is_fired_here():
    written = Path(__file__).read_text()
    rules = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
    fired = set(re.findall(r'(?:fires|fires_by)\("(\w+)"', written)) | set(
        re.findall(r'"(\w+)" in scene.firing', written)
    )
    assert len(rules) > 30
    assert [rule for rule in rules if rule not in fired] == []


def test_a_rejected_configuration_fires_its_alert(start):
    scene = start()
    scene.config.write_text("version: 1\n")
    scene.fires("BridgeConfigRejected")


def test_a_redis_whose_clock_goes_back(start):
    scene = start()
    eventually(lambda: scene.query("bridge_store_clock_steps_total"), "the bridge to be scraped")
    with scene.redis.client() as client:
        client.hset("bridge:{0}:clock", "seen", now_ms() + 3_600_000)  # as if it had been later already
    scene.fires("BridgeStoreClockStepped")


def test_a_redis_that_forgets_then_stops_and_at_last_no_bridge(start):
    scene = start(eviction="allkeys-lru")
    scene.fires("BridgeStoreNotDurable")
    scene.redis.stop()
    scene.fires("BridgeStoreUnavailable")
    scene.calms("BridgeStoreNotDurable")
    scene.bridge.stop()
    scene.fires("BridgeDown")


def test_the_dashboard_shows_data_everywhere(start):
    scene = start()
    bounded = configuration(
        routes=ROUTES,
        budgets={"open": 1, "share": 1, "reserve": {}},
        pagerduty={"status_updates": True},
        healing=HEALING,
    )
    scene.config.write_text(yaml.safe_dump(bounded))
    eventually(partial(scene.query, "bridge_budget_remaining == 1"), "the budgets to be in force")
    unusable, unread = {"status": "firing"}, {**alert(), "startsAt": "soon"}
    for _ in range(2):
        scene.bridge.deliver(payload(unread, alert(alertname="Watchdog"), unusable, truncatedAlerts=3))
        scene.bridge.incidents()
        for name in ("ping", "incident-status-update"):
            pager.delivered(scene.bridge, (PAGERDUTY / f"{name}.json").read_bytes())
    scene.page.shows(status="INVESTIGATING")
    scene.outage.fires("search")  # withheld, and over before there is room
    scene.outage.ends("search")
    for query in QUERIES:
        expression = query.replace("$job", JOB).replace("$__rate_interval", "1m")
        eventually(partial(scene.query, expression), f"data for {expression}")
