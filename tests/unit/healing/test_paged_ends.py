"""What becomes of an end that PagerDuty shows, on a real store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import redis
from structlog.testing import capture_logs

from bridge.config.healing import Healing
from bridge.config.loader import load
from bridge.core.healing.pagerduty import OpenAlert, Question
from bridge.core.routing import Router, labels_read
from bridge.healing.paged_ends import Ending, PagedEnds
from bridge.model import Routed
from bridge.senders.pagerduty.parser import parse
from bridge.store import Store
from bridge.store.connect import connect
from tests.scenarios.pager import PERSON, PagedIncident
from tests.scenarios.vocabulary import now_ms, write_configuration
from tests.unit.store.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config

MINUTE = 60_000
SHOP = {"name": "shop", "match": 'service != ""', "services": {"label": "service"}}


class Bridge:
    """A store, and the ends that are taken into it."""

    def __init__(self, store: Store, configure: Callable[..., Config], clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.configure = configure
        self.live = SimpleNamespace(current=configure())
        self.changes = 0
        self.ends = PagedEnds(
            store=store, config=cast("LiveConfig", self.live), router=Router(), on_change=self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    async def delivered(self, *bodies: bytes) -> None:
        """Webhooks arrive."""
        config = self.live.current
        for body in bodies:
            (alert,) = parse(body, config.pagerduty, labels_read(config)).alerts
            decision = Router().route(alert.labels, config)
            await self.store.ingest([(alert, decision if isinstance(decision, Routed) else None)])

    async def firing(self) -> dict[str, OpenAlert]:
        """What fires here."""
        return {each.fingerprint: each for each in await self.store.paged("").firing()}

    async def question(self, id_: str) -> Question:
        """What is asked about what fires now."""
        alerts = tuple(each for each in (await self.firing()).values() if each.decided_by == id_)
        return Question(id=id_, alerts=alerts, due_at=0)

    async def take(self, incident: PagedIncident, question: Question | None = None, asked_at: int = 0) -> Ending:
        """PagerDuty is asked, and shows the incident as it is."""
        question = question or await self.question(incident.id)
        return await self.ends.take("", question, incident.shown(), asked_at or self.clock.now)


@pytest.fixture
async def bridge(redis_url, tmp_path):
    def configure(**changes: Any) -> Config:
        return load(write_configuration(tmp_path / "bridge.yaml", routes=[SHOP], **changes))

    store = Store(connect(redis_url))
    with redis.Redis.from_url(redis_url) as client:
        clock = Clock(client)
        opened = Bridge(store, configure, clock)
        yield opened
    await store.close()


async def begun(bridge: Bridge, id_: str = "Q1", service: str = "checkout") -> PagedIncident:
    incident = PagedIncident(id_, service, starts_at=now_ms() - 10 * MINUTE)
    await bridge.delivered(incident.triggered())
    bridge.clock.advance(5 * MINUTE)
    return incident


async def test_an_end_is_taken_and_the_history_says_by_what(bridge):
    incident = await begun(bridge)
    incident.resolved()
    assert await bridge.take(incident) is Ending.TAKEN
    assert await bridge.firing() == {}
    assert bridge.changes == 1
    (id_,) = [each.id async for part in bridge.store.incidents() for each in part]
    detail = await bridge.store.incident(id_)
    assert detail is not None
    assert [line.what for line in detail.history][-1] == "alerts_healed"
    assert str(detail.history[-1].detail["evidence"]).startswith("PagerDuty showed at ")


async def test_what_was_heard_of_while_pagerduty_was_asked_is_left_alone(bridge):
    incident = await begun(bridge)
    question, asked_at = await bridge.question("Q1"), bridge.clock.now
    incident.resolved()
    shown = PagedIncident("Q1", starts_at=now_ms() - 9 * MINUTE)
    shown.resolved()
    await bridge.delivered(incident.reopened())
    assert await bridge.take(shown, question, asked_at) is Ending.STALE
    assert set(await bridge.firing()) == {"Q1"}


async def test_an_end_of_the_second_of_the_last_event_is_no_older_than_that(bridge):
    incident = PagedIncident("Q1", starts_at=(now_ms() - 10 * MINUTE) // 1000 * 1000)
    await bridge.delivered(incident.triggered(), incident.acknowledged())  # .2 and .4 of a second
    bridge.clock.advance(5 * MINUTE)
    incident.resolved()  # .6 of it, which the API tells as .0
    assert await bridge.take(incident) is Ending.TAKEN
    assert await bridge.firing() == {}


async def test_its_own_late_webhook_changes_nothing(bridge):
    incident = await begun(bridge)
    late = incident.resolved()
    await bridge.take(incident)
    await bridge.delivered(late)
    assert await bridge.firing() == {}
    await bridge.delivered(incident.reopened())
    assert set(await bridge.firing()) == {"Q1"}


async def test_a_merge_goes_on_as_its_target_and_ends_with_it(bridge):
    one, two = await begun(bridge), await begun(bridge, "Q2", "payments")
    one.merged_into(two)
    assert await bridge.take(one) is Ending.TAKEN
    assert {name: each.part_of for name, each in (await bridge.firing()).items()} == {"Q1": "Q2", "Q2": ""}
    bridge.clock.advance(5 * MINUTE)
    two.clock_is_right()
    two.resolved()
    assert await bridge.take(two) is Ending.TAKEN
    assert await bridge.firing() == {}


async def test_one_that_was_merged_into_what_was_never_seen_ends_with_that(bridge):
    one, unseen = await begun(bridge), PagedIncident("Q9", "elsewhere")
    await bridge.delivered(one.merged_into(unseen))
    bridge.clock.advance(5 * MINUTE)
    assert set(await bridge.firing()) == {"Q1"}
    unseen.resolved()
    assert await bridge.take(unseen) is Ending.TAKEN
    assert await bridge.firing() == {}


@pytest.mark.parametrize("agent", [PERSON, {"type": "service_reference"}])
async def test_where_a_person_must_resolve_nobody_elses_counts(bridge, agent):
    bridge.live.current = bridge.configure(pagerduty={"resolve_by": "person"})
    incident = await begun(bridge)
    incident.agent = agent
    incident.resolved()
    assert await bridge.take(incident) is (Ending.TAKEN if agent is PERSON else Ending.BY_NOBODY)
    assert len(await bridge.firing()) == (agent is not PERSON)


async def test_with_mode_observe_it_is_told_and_left(bridge):
    bridge.live.current = SimpleNamespace(
        **{name: getattr(bridge.live.current, name) for name in bridge.live.current.__struct_fields__}
        | {"healing": Healing(mode="observe")}
    )
    incident = await begun(bridge)
    incident.resolved()
    with capture_logs() as logs:
        assert await bridge.take(incident) is Ending.OBSERVED
    assert [line["event"] for line in logs] == ["healing_would_close"]
    assert set(await bridge.firing()) == {"Q1"}


async def test_an_end_without_its_time_is_none(bridge):
    incident = await begun(bridge)
    incident.resolved()
    shown = {**incident.shown(), "resolved_at": None, "last_status_change_at": None}
    assert await bridge.ends.take("", await bridge.question("Q1"), shown, bridge.clock.now) is Ending.UNREADABLE
    assert set(await bridge.firing()) == {"Q1"}
