"""What is kept of alerts for operators: as of the last statement that a route took, or nothing at all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.config.schema import Config
from bridge.model import Link
from bridge.store import Store, told
from bridge.store.connect import connect
from bridge.store.told import NOTHING, PackedTold, ToldMemory
from bridge.texts.render import DEFAULT_TEXTS
from tests.unit.store.builders import PREFIX, START, contents, firing, held_by, resolved, to

LINK = Link("https://alerts.example")


def settings(*operator_labels: str) -> Config:
    return Config(
        path="bridge.yaml",
        digest="",
        services={},
        severity=(),
        routes=(),
        texts=DEFAULT_TEXTS,
        operator_labels=operator_labels,
    )


CONFIG = settings("instance")
NOTHING_KEPT = replace(CONFIG, operator_labels=None)


class Teller:
    """Tells by the configuration that is in force at the time."""

    def __init__(self) -> None:
        self.config = CONFIG
        self._memory = ToldMemory(lambda: self.config)

    def __call__(self, alert) -> PackedTold:
        return self._memory(alert)


@pytest.fixture
def tell():
    return Teller()


@pytest.fixture
async def store(redis_url, tell):
    opened = Store(connect(redis_url), tell=tell)
    yield opened
    await opened.close()


def named(alert, name="Down", instance="web-1", link=LINK):
    return replace(alert, name=name, labels={"alertname": name, "instance": instance, "secret": "x"}, link=link)


async def known(store, incident="shop"):
    _, (alert,) = await held_by(store, incident)
    return alert.name, alert.labels, alert.link


async def test_an_alert_is_kept_with_its_name_its_labels_and_a_link(store, db):
    await store.ingest([(named(firing()), to())])
    name, labels, link = await known(store)
    assert (name, labels) == ("Down", {"instance": "web-1"})
    assert link.startswith("https://alerts.example/#/alerts?filter=")
    assert b"secret" not in b"".join(db.hvals(f"{PREFIX}incident:shop:alerts"))


async def test_a_repeat_changes_nothing(store, db):
    await store.ingest([(named(firing()), to())])
    was = contents(db)["incident:shop:alerts"]["alertmanager/a"]["told"]
    await store.ingest([(named(firing()), to())])
    assert contents(db)["incident:shop:alerts"]["alertmanager/a"]["told"] == was


async def test_an_alert_that_an_older_release_stored_gets_its_name_with_the_next_repeat(store, redis_url):
    older = Store(connect(redis_url))
    await older.ingest([(named(firing()), to())])
    await older.close()
    assert await known(store) == (None, None, None)
    await store.ingest([(named(firing()), to())])
    assert (await known(store))[0] == "Down"


async def test_nothing_is_kept_from_the_next_repeat_on_once_the_configuration_says_so(store, db, tell):
    await store.ingest([(named(firing()), to())])
    tell.config = NOTHING_KEPT
    await store.ingest([(named(firing()), to())])
    assert await known(store) == (None, None, None)
    assert contents(db)["incident:shop:alerts"]["alertmanager/a"]["told"] is False


async def test_a_statement_that_no_route_takes_leaves_the_name(store):
    await store.ingest([(named(firing()), to())])
    await store.ingest([(named(firing()), None)])
    await store.ingest([(resolved(), to())])
    assert (await known(store))[0] == "Down"


async def test_an_alert_that_fires_again_is_told_anew(store):
    await store.ingest([(named(firing()), to())])
    await store.ingest([(resolved(), to())])
    await store.ingest([(named(firing(starts_at=START + 120_000), name="Other"), to())])
    assert (await known(store))[0] == "Other"


async def test_a_title_that_changes_is_told_anew(store):
    await store.ingest([(named(firing(observed_at=START)), to())])
    await store.ingest([(named(firing(observed_at=START + 1), name="Changed"), to())])
    assert (await known(store))[0] == "Changed"


async def test_an_alert_that_moves_to_another_incident_keeps_its_name(store):
    await store.ingest([(named(firing(observed_at=START)), to())])
    await store.ingest([(named(firing(observed_at=START + 1), instance="web-2"), to("bank"))])
    assert (await known(store, "bank"))[1] == {"instance": "web-2"}


async def test_the_addresses_of_senders_are_stored_once_and_bounded(store, db):
    alerts = [named(firing(f"a{number}"), link=Link(f"https://alerts-{number}.example")) for number in range(400)]
    await store.ingest([(alert, to()) for alert in alerts])
    await store.ingest([(named(firing("last")), to())])
    assert db.zcard(f"{PREFIX}links") == 256
    await store.ingest([(named(firing("next")), to())])
    assert db.zcard(f"{PREFIX}links") == 256
    found = await store.incident("shop", count=1_000)
    links = {alert.fingerprint: alert.link for alert in found.alerts}
    assert links["last"]
    assert sum(link is None for link in links.values()) == 402 - 2 - 255


async def test_what_is_already_known_costs_no_more_commands(store, db):
    await store.ingest([(named(firing(str(number))), to()) for number in range(100)])
    db.config_resetstat()
    await store.ingest([(named(firing(str(number))), to()) for number in range(100)])
    assert db.info("commandstats")["cmdstat_zadd"]["calls"] == 1


def test_alerts_that_say_the_same_are_packed_once():
    memory = ToldMemory(lambda: CONFIG)
    assert memory(named(firing("a"))) is memory(named(firing("b")))
    assert memory(named(firing("a"))) is not memory(named(firing("b"), instance="web-2"))


def test_long_labels_are_not_remembered():
    memory = ToldMemory(lambda: CONFIG)
    long = named(firing("a"), instance="x" * 2_100)
    assert memory(long) == memory(long)
    assert memory(long) is not memory(long)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(told, "CACHED_CHARS", 10_000)
    memory = ToldMemory(lambda: CONFIG)
    sizes = []
    for number in range(1_000):
        memory(named(firing(), instance=f"web-{number}"))
        sizes.append(memory.size)
    assert 10_000 < max(sizes) < 12_000


def test_what_an_earlier_configuration_had_kept_is_forgotten(tell):
    first = tell(named(firing()))
    tell.config = settings("secret")
    assert tell(named(firing())) != first
    tell.config = CONFIG
    assert tell(named(firing())) == first


def test_a_configuration_that_keeps_nothing_tells_nothing():
    assert ToldMemory(lambda: NOTHING_KEPT)(named(firing())) is NOTHING


@pytest.mark.parametrize("text", ["\x00", '"\\', "\u202eevil", "🦘" * 20, "\u2028\n", "\x7f\x9b31m", "}{,=~"])
async def test_whatever_an_alert_is_called_the_store_keeps_it(store, text):
    await store.ingest([(named(firing(), name=f"a{text}b", instance=text), to())])
    name, labels, link = await known(store)
    assert name.startswith("a")
    assert "\n" not in name
    assert labels["instance"] == text
    assert link.isascii()
    assert link.isprintable()
