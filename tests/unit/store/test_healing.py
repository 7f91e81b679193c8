"""What the store does for healing: what it keeps with an alert, what it closes, and on whose word."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.config.schema import Config
from bridge.core.healing.observations import Moment, Observations
from bridge.core.healing.ours import FIRING, HELD, OVER, Fit, kin_of
from bridge.evidence import Evidence
from bridge.model import AlertStatus
from bridge.store import Store
from bridge.store.connect import connect
from bridge.store.told import ToldMemory
from bridge.texts.render import DEFAULT_TEXTS
from tests.unit.core.healing.cluster_harness import cluster, healing
from tests.unit.store.builders import LEASE_MS, MINUTE, PREFIX, START, contents, firing, held_by, resolved, to

TEXT = "not listed by am-0 since 10:41 (11 rounds)"
HEALING = healing(cluster("eu", match="__sender__ = eu", same=("prometheus",)), cluster("us", match="__sender__ = us"))
CONFIG = Config(
    path="bridge.yaml", digest="", services={}, severity=(), routes=(), texts=DEFAULT_TEXTS, healing=HEALING
)


class Settings:
    """The configuration in force."""

    def __init__(self) -> None:
        self.current = CONFIG


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
async def store(redis_url, settings):
    opened = Store(connect(redis_url), tell=ToldMemory(lambda: settings.current))
    yield opened
    await opened.close()


def named(name="a", prometheus="p0", **labels):
    alert = firing(name)
    return replace(alert, sender="eu", labels={"__sender__": "eu", "prometheus": prometheus, "secret": "x", **labels})


def closing(store_time, name="a", *, sender="eu", quiet_since=None, until=None, ends_at=None, source="alertmanager"):
    quiet_since = store_time if quiet_since is None else quiet_since
    evidence = Evidence(TEXT, quiet_since, store_time + MINUTE if until is None else until)
    alert = replace(resolved(name), source=source, sender=sender, starts_at=0, evidence=evidence)
    return replace(alert, ends_at=store_time if ends_at is None else ends_at)


async def time_of(store) -> int:
    turn = await store.healing.chore("time").claim("t", lease_ms=1, every_ms=1)
    return int(turn.now)


async def ours(store, name="alertmanager@eu/a"):
    places = [place async for part in store.healing.places() for place in part]
    return (await store.healing.alerts(places)).get(name)


class TestTheFit:
    async def test_is_decided_at_ingest_and_kept_with_the_alert(self, store):
        await store.ingest([(named(), to())])
        alert = await ours(store)
        assert alert.fit == Fit("s1", ("eu",), {"eu": kin_of({"prometheus": "p0"}, ("prometheus",))})
        assert (alert.sender, alert.state, alert.starts_at) == ("eu", FIRING, START)

    async def test_is_renewed_by_each_delivery(self, store, settings):
        await store.ingest([(named(), to())])
        settings.current = replace(CONFIG, healing=replace(HEALING, section="s2"))
        await store.ingest([(named(), to())])
        assert (await ours(store)).fit.section == "s2"
        settings.current = replace(CONFIG, healing=None)
        await store.ingest([(named(), to())])
        assert (await ours(store)).fit is None

    async def test_keeps_no_value_of_a_label(self, store, settings, db):
        settings.current = replace(CONFIG, operator_labels=None)
        await store.ingest([(named(prometheus="canary"), to())])
        assert (await ours(store)).fit.clusters == ("eu",)
        assert "canary" not in str(contents(db))

    async def test_each_alert_of_a_delivery_has_its_own(self, store):
        other = replace(named("b"), sender="us", labels={"__sender__": "us", "prometheus": "p1"})
        await store.ingest([(named(), to()), (other, to()), (named("c"), to())])
        fits = [(await ours(store, name)).fit.clusters for name in ("alertmanager@eu/a", "alertmanager@us/b")]
        assert fits == [("eu",), ("us",)]
        assert (await ours(store, "alertmanager@eu/c")).fit == (await ours(store)).fit

    async def test_without_healing_a_record_is_as_it_was(self, store, settings, db):
        settings.current = replace(CONFIG, healing=None)
        await store.ingest([(named(), to())])
        (record,) = contents(db)["incident:shop:alerts"].values()
        assert (record["fit"], record["healed"]) == (False, False)


class TestAClose:
    async def test_is_a_resolve_with_its_evidence(self, store):
        await store.ingest([(named(), to())])
        now = await time_of(store)
        (change,) = await store.ingest([(closing(now + 1), None)])
        assert (change.outcome, change.incident_id) == ("resolved", "shop")
        incident, (alert,) = await held_by(store)
        assert (incident.summary.firing, alert.status, alert.healed) == (0, "resolved", TEXT)
        detail = await store.incident("shop")
        told = [(each.what, each.by, each.detail.get("evidence")) for each in detail.history]
        assert ("alerts_healed", "bridge", TEXT) in told

    async def test_ends_when_it_was_last_known_to_fire(self, store):
        await store.ingest([(named(), to())])
        now = await time_of(store)
        await store.ingest([(closing(now + 1, ends_at=START + MINUTE), None)])
        incident, (alert,) = await held_by(store)
        assert alert.ends_at == incident.summary.outage_ended_at == START + MINUTE

    async def test_happens_only_if_nothing_was_heard_of_it_since(self, store):
        await store.ingest([(named(), to())])
        quiet_since = (await ours(store)).seen_at
        (change,) = await store.ingest([(closing(await time_of(store), quiet_since=quiet_since), None)])
        assert change.outcome == "stale"
        assert (await ours(store)).state == FIRING

    async def test_happens_only_in_its_time(self, store):
        await store.ingest([(named(), to())])
        now = await time_of(store)
        (change,) = await store.ingest([(closing(now + 1, until=now - 1), None)])
        assert change.outcome == "stale"
        assert (await ours(store)).state == FIRING

    async def test_of_what_is_over_or_unknown_does_nothing(self, store):
        now = await time_of(store)
        (change,) = await store.ingest([(closing(now + 1), None)])
        assert change.outcome == "stale"
        await store.ingest([(named(), to())])
        await store.ingest([(replace(resolved(), sender="eu"), None)])
        (change,) = await store.ingest([(closing(await time_of(store) + 1), None)])
        assert change.outcome == "stale"

    async def test_ends_a_held_alert_too(self, store):
        await store.ingest([(named(), to())])
        await store.ingest([(replace(resolved(), sender="eu"), None)])
        (change,) = await store.ingest([(named(), to())])
        assert change.outcome == "held"
        (change,) = await store.ingest([(closing(await time_of(store) + 1), None)])
        assert change.outcome == "resolved"
        incident, _ = await held_by(store)
        assert incident.summary.held == 0

    async def test_a_late_resolve_changes_nothing(self, store):
        await store.ingest([(named(), to())])
        await store.ingest([(closing(await time_of(store) + 1), None)])
        before, _ = await held_by(store)
        (change,) = await store.ingest([(replace(resolved(), sender="eu"), None)])
        assert change.outcome == "repeat"
        after, (alert,) = await held_by(store)
        assert (after.revision, after.summary, alert.healed) == (before.revision, before.summary, TEXT)

    async def test_what_fires_later_is_an_ordinary_firing(self, store):
        await store.ingest([(named(), to())])
        await store.ingest([(closing(await time_of(store) + 1), None)])
        later = await time_of(store) + 2  # the end was dated a millisecond ahead
        (change,) = await store.ingest([(replace(named(), starts_at=later), to())])
        assert change.outcome == "opened"
        assert (await ours(store)).state == FIRING
        _, (alert,) = await held_by(store)
        assert alert.healed == ""

    async def test_closes_of_one_round_are_one_entry(self, store):
        await store.ingest([(named(name), to()) for name in ("a", "b", "c", "d")])
        now = await time_of(store)
        await store.ingest([(closing(now + 1, name), None) for name in ("a", "b", "c", "d")])
        detail = await store.incident("shop")
        (entry,) = [each for each in detail.history if each.what == "alerts_healed"]
        assert (len(entry.detail["alerts"]), entry.detail["more"]) == (3, 1)

    async def test_a_later_start_is_taken_without_a_route(self, store):
        await store.ingest([(named(), to())])
        later = replace(named(), starts_at=START + MINUTE, labels={}, status=AlertStatus.FIRING)
        (change,) = await store.ingest([(later, None)])
        assert change.outcome == "repeat"
        alert = await ours(store)
        assert (alert.starts_at, alert.state, alert.fit.section) == (START + MINUTE, FIRING, "s1")


class TestAHeldFiring:
    async def hold(self, store):
        await store.ingest([(named(), to())])
        await store.ingest([(closing(await time_of(store) + 1), None)])
        (change,) = await store.ingest([(named(), to())])
        assert change.outcome == "held"
        assert (await ours(store)).state == HELD

    async def test_after_a_close_of_ours_is_trusted_at_once(self, store):
        await self.hold(store)
        assert await store.healing.trust(["alertmanager@eu/a"]) == 1
        claim = await store.claim(token="t", lease_ms=LEASE_MS)
        assert (claim.incident.summary.firing, claim.incident.summary.held) == (1, 0)

    async def test_after_its_senders_own_resolve_is_not(self, store):
        await store.ingest([(named(), to())])
        await store.ingest([(replace(resolved(), sender="eu"), None)])
        await store.ingest([(named(), to())])
        assert await store.healing.trust(["alertmanager@eu/a"]) == 0
        assert (await ours(store)).state == HELD

    async def test_nothing_else_is_trusted(self, store):
        assert await store.healing.trust([]) == 0
        assert await store.healing.trust(["alertmanager@eu/a"]) == 0
        await store.ingest([(named(), to())])
        assert await store.healing.trust(["alertmanager@eu/a"]) == 0


class TestObservations:
    SEEN = Observations(section="s1", urls=("http://a",), at=7, nth=1, valid=Moment(7, 1), sighted_at=7)

    async def test_are_kept_by_who_has_the_chore(self, store):
        chore = store.healing.chore("eu")
        assert await store.healing.sighted("eu") is None
        assert await store.healing.observed("eu", "mine", self.SEEN) is None
        assert (await chore.claim("mine", lease_ms=LEASE_MS, every_ms=0)).is_ours
        assert await store.healing.observed("eu", "other", self.SEEN) is None
        assert await store.healing.observations(["eu"]) == {}
        now = await store.healing.observed("eu", "mine", self.SEEN)
        assert await store.healing.sighted("eu") == now
        assert await store.healing.observations(["eu", "us"]) == {"eu": self.SEEN}

    async def test_a_blind_round_is_no_sight(self, store, db):
        chore = store.healing.chore("eu")
        await chore.claim("mine", lease_ms=LEASE_MS, every_ms=0)
        await store.healing.observed("eu", "mine", self.SEEN)
        db.hset(f"{PREFIX}chore:heal:eu", "sighted", 5)
        await store.healing.observed("eu", "mine", replace(self.SEEN, at=9))
        assert await store.healing.sighted("eu") == 5


async def test_alerts_of_other_sources_are_not_read(store):
    await store.ingest([(replace(firing("x"), source="pagerduty"), to()), (firing("y"), to())])
    places = [place async for part in store.healing.places() for place in part]
    assert [(place.name, place.fingerprint) for place in places] == [("alertmanager/y", "y")]


async def test_many_alerts_are_read_by_parts(store):
    names = [f"n{number}" for number in range(2_500)]
    await store.ingest([(firing(name), to(f"i{int(name[1:]) % 3}")) for name in names])
    places = [place async for part in store.healing.places() for place in part]
    found = await store.healing.alerts(places)
    assert {each.fingerprint for each in found.values()} == set(names)
    assert {each.state for each in found.values()} == {FIRING} != {OVER}
