"""An account of PagerDuty that is asked by a bridge whose store and clock are the test's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from bridge.config.healing import PagerDutyHealing
from bridge.core.healing.pagerduty import OpenAlert
from bridge.healing.paged_ends import Ending, PagedEnds
from bridge.healing.pagerduty import Account
from bridge.pagerduty_api.errors import Kind, PagerDutyError
from bridge.store import ChoreTurn
from bridge.store.paged import AccountState, Memory, PagedAlerts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bridge.core.healing.pagerduty import Asked, Question
    from bridge.pagerduty_api.client import Client, Subscription

START = 1_790_000_000_000
MINUTE = 60_000
INTERVAL = 5 * MINUTE
TRIGGERED = {"status": "triggered"}
RESOLVED = {"status": "resolved"}


class Alerts(PagedAlerts):
    """What fires, and what is remembered, without a Redis."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.alerts: dict[str, OpenAlert] = {}
        self.memory = Memory(AccountState(), {})
        self.due = START

    async def claim(self, token: str, *, lease_ms: int, every_ms: int) -> ChoreTurn:  # noqa: ARG002
        now = self._world.now
        return ChoreTurn(now, is_ours=self.due <= now, wait_ms=self.due - now)

    async def keep(self, token: str, *, lease_ms: int) -> None:
        """It is this one's."""

    async def rest(self, token: str, *, for_ms: int) -> None:  # noqa: ARG002
        self.due = self._world.now + for_ms

    async def firing(self) -> list[OpenAlert]:
        return list(self.alerts.values())

    async def recall(self) -> Memory:
        return self.memory

    async def remember(self, state: AccountState, asked: Mapping[str, Asked], forget: Collection[str] = ()) -> None:
        kept = {id_: each for id_, each in self.memory.asked.items() if id_ not in forget}
        self.memory = Memory(state, kept | dict(asked))


class Ends(PagedEnds):
    """Takes ends by taking the alert away, unless it is told to say something else."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self.taken: list[str] = []
        self.told: list[str] = []
        self.says = Ending.TAKEN

    async def take(
        self,
        sender: str,  # noqa: ARG002
        question: Question,
        incident: Mapping[str, Any],  # noqa: ARG002
        asked_at: int,  # noqa: ARG002
    ) -> Ending:
        if self.says is Ending.OBSERVED and not question.is_told:
            self.told.append(question.id)
        if self.says is Ending.TAKEN:
            self.taken.append(question.id)
            for alert in question.alerts:
                self._alerts.alerts.pop(alert.fingerprint, None)
        return self.says


class World:
    """The clock, the account, and a bridge that asks it. ``answers`` has what each id is answered with."""

    def __init__(self, **changes: Any) -> None:
        self.now = START
        self.key: str | None = "first"
        self.answers: dict[str, dict[str, str] | PagerDutyError] = {}
        self.subscription: Subscription | PagerDutyError | None = None
        self.asked: list[tuple[int, str]] = []
        self.alerts = Alerts(self)
        self.ends = Ends(self.alerts)
        client = cast("Client", SimpleNamespace(incident=self._incident, subscription=self._subscription))
        entry = PagerDutyHealing(**{"credentials": "KEY", "interval_ms": INTERVAL, **changes})
        self.account = Account(
            entry,
            alerts=self.alerts,
            ends=self.ends,
            connect=lambda: None if self.key is None else (client, self.key),
            monotonic=lambda: self.now / 1000,
            token=lambda: "t",
            sleep=self._sleep,
        )

    def fires(self, *ids: str, part_of: str = "") -> None:
        """Alerts are heard of now."""
        for id_ in ids:
            self.alerts.alerts[id_] = OpenAlert(
                fingerprint=id_, seen_at=self.now, observed_at=self.now, part_of=part_of
            )
            self.answers.setdefault(id_, TRIGGERED)

    async def passes(self, ms: int) -> None:
        """So much time passes, and the account is asked whenever it is due."""
        end = self.now + ms
        while self.alerts.due <= end:
            self.now = max(self.now, self.alerts.due)
            await self.account.ask_if_due()
        self.now = max(self.now, end)

    @property
    def ids(self) -> list[str]:
        """What was asked, in order."""
        return [id_ for _, id_ in self.asked]

    async def _sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    async def _incident(self, id_: str) -> Any:
        return self._answer(id_, self.answers.get(id_, PagerDutyError(Kind.NOT_FOUND, "404")))

    async def _subscription(self, id_: str) -> Any:
        return self._answer(id_, self.subscription)

    def _answer(self, id_: str, answer: Any) -> Any:
        self.asked.append((self.now, id_))
        if isinstance(answer, PagerDutyError):
            raise answer
        return answer
