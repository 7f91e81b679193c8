"""One round of questions to one account of PagerDuty, and what each answer means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from bridge.healing.paged_ends import Ending
from bridge.pagerduty_api.errors import Kind, PagerDutyError
from bridge.senders.pagerduty.parser import SOURCE
from bridge.senders.pagerduty.snapshot import is_over
from bridge.telemetry import Event, log, log_throttled

if TYPE_CHECKING:
    from bridge.config.healing import PagerDutyHealing
    from bridge.core.healing.pagerduty import Asked, Question
    from bridge.healing.paged_ends import PagedEnds
    from bridge.pagerduty_api.client import Client
    from bridge.store.paged import AccountState, PagedAlerts

FAILED: Final = 2  # questions without an answer: the others would have none, either
REFUSED_REST_MS: Final = 3_600_000  # until what was refused is tried again
TELL_EVERY_MS: Final = 24 * 3_600_000  # that a subscription is off
OK: Final = "ok"


class Round:
    """Asks and learns. ``now`` is the store's time; ``pace`` waits for the turn of a question, and gives it then.

    ``state`` is how it stands with the account, ``outcome`` how the round is counted: ``ok``, or the kind of the first
    error.
    """

    def __init__(
        self,
        entry: PagerDutyHealing,
        client: Client,
        key: str,
        *,
        alerts: PagedAlerts,
        ends: PagedEnds,
        state: AccountState,
        now: Callable[[], int],
        pace: Callable[[], Awaitable[int]],
    ) -> None:
        self._entry = entry
        self._client = client
        self._key = key
        self._alerts = alerts
        self._ends = ends
        self._now = now
        self._pace = pace
        self._failed = 0
        self.state = state
        self.outcome: str = OK

    @property
    def goes_on(self) -> bool:
        """Whether there is a point in asking more."""
        return self._failed < FAILED and not self.state.resume_at

    async def ask(self, question: Question, asked: Asked) -> None:
        """Ask about one incident, and remember the answer. Raises StoreUnavailable."""
        now = await self._pace()
        try:
            incident = await self._client.incident(question.id)
        except PagerDutyError as error:
            asked = self._without_answer(error, question, asked, now)
        else:
            asked = await self._learn(question, incident, asked, now)
        await self._alerts.remember(self.state, {question.id: asked})

    async def _learn(self, question: Question, incident: Mapping[str, Any], asked: Asked, now: int) -> Asked:
        if not is_over(incident):
            return asked.answered(now)
        ending = await self._ends.take(self._entry.sender, question, incident, now)
        if ending is Ending.UNREADABLE:
            detail = "what it shows of the end cannot be read"
            return self._without_answer(PagerDutyError(Kind.NOT_UNDERSTOOD, detail), question, asked, now)
        return replace(asked.answered(now), is_told=ending is Ending.OBSERVED)

    def _without_answer(self, error: PagerDutyError, question: Question, asked: Asked, now: int) -> Asked:
        if error.kind is not Kind.NOT_FOUND:
            self._fail(error, now)
            return asked.tried(now)
        asked = asked.missed(now)
        if asked.is_missing and not asked.is_told:
            self._log(Event.PAGED_INCIDENT_MISSING, fingerprint=question.id)
            return replace(asked, is_told=True)
        return asked

    def _fail(self, error: PagerDutyError, now: int) -> None:
        self._failed += 1
        if self.outcome == OK:
            self.outcome = str(error.kind)
        if error.kind is Kind.RATE_LIMITED:
            self.state = replace(self.state, resume_at=now + error.retry_ms)
        elif error.kind in {Kind.REFUSED, Kind.FORBIDDEN}:
            self.state = replace(self.state, resume_at=now + REFUSED_REST_MS, refused=self._key)
            self._log(Event.PAGERDUTY_REFUSED, status=error.detail, set=self._entry.credentials)
            return
        log_throttled(Event.PAGERDUTY_UNANSWERED, **self._fields, error=str(error.kind), reason=error.detail)

    async def ask_subscription(self, id_: str) -> None:
        """Ask whether events come by the webhook subscription at all, if it is time. Raises StoreUnavailable."""
        if self._now() < self.state.subscription_due_at:
            return
        now = await self._pace()
        try:
            subscription = await self._client.subscription(id_)
        except PagerDutyError as error:
            if error.kind not in {Kind.FORBIDDEN, Kind.NOT_FOUND}:
                self._fail(error, now)
                return
            self._log(Event.SUBSCRIPTION_UNREADABLE, status=error.detail, subscription=id_)
            self.state = replace(self.state, subscription_due_at=now + REFUSED_REST_MS, disabled_since=0, told_at=0)
            return
        self.state = replace(self.state, subscription_due_at=now + self._entry.interval_ms)
        if subscription.delivers:
            self.state = replace(self.state, disabled_since=0, told_at=0)
            return
        self.state = replace(self.state, disabled_since=self.state.disabled_since or now)
        if now >= self.state.told_at + TELL_EVERY_MS:
            self.state = replace(self.state, told_at=now)
            why = "temporarily_disabled" if subscription.temporarily_disabled else "inactive"
            self._log(Event.SENDER_DISABLED, reason=why, subscription=id_)

    @property
    def _fields(self) -> dict[str, Any]:
        return {"source": SOURCE, **({"sender": self._entry.sender} if self._entry.sender else {})}

    def _log(self, event: Event, **fields: str) -> None:
        log(event, **self._fields, **fields)
