"""Everything one simulator holds, and the acts on it that both the API and the control endpoint know."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from bridge.sandbox.catalog import Catalog
from bridge.sandbox.faults import Faults, Milliseconds
from bridge.sandbox.incidents import Incident, Incidents, Severity, Status, Update

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.sandbox.account import Account

CALLS_KEPT = 20_000


class Settings(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the account behaves at all times, unlike a fault, which strikes single calls.

    ``rate_limit`` is the number of calls per 60 s (None: no limit), ``retry_after`` the seconds that a 429 names
    (None: no such header, as documented). ``list_lag_ms`` is how long a new incident or update stays out of lists.
    ``whole_seconds`` cuts the milliseconds off public dates.
    """

    rate_limit: Annotated[int, Meta(ge=0)] | None = None
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    list_lag_ms: Milliseconds = 0
    whole_seconds: bool = False


class Call(Struct, kw_only=True):
    """One API call. ``status`` and ``response`` are what was answered, None if nothing was; ``ended`` when it is over.

    ``committed`` says that the call changed the account, whatever the client was told.
    """

    number: int
    at: int
    method: str
    path: str
    query: str
    request: Any
    fault: str | None = None
    committed: bool = False
    ended: bool = False
    status: int | None = None
    response: Any = None


class Mail(Struct, kw_only=True):
    """A mail to one subscriber of one page, as it would have gone out."""

    at: int
    page: str
    to: str
    incident: str
    update: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An update before it is posted; ``public_at`` None means now."""

    description: str
    status: Status | None = None
    public_at: int | None = None
    notify: bool = False


class State:
    """The simulated account: what it shows, what was called, what goes wrong next.

    Args:
        account: what it starts from, and returns to on ``reset``.
        clock: milliseconds since the epoch.
        ids: a new UUID at each call.
    """

    def __init__(self, account: Account, clock: Callable[[], int], ids: Callable[[], str]) -> None:
        self.account = account
        self.clock = clock
        self.new_id = ids
        self._released = asyncio.Event()
        self._holding = 0
        self.reset()

    def reset(self) -> None:
        """Start over from the account: no incidents, calls, mails, faults; held calls go on."""
        self.release()
        self.catalog = Catalog(self.account, self.clock())
        self.incidents = Incidents()
        self.faults = Faults()
        self.settings = Settings()
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.mails: list[Mail] = []
        self.recent: deque[int] = deque()

    async def hold(self) -> None:
        """Wait until the next ``release``."""
        released = self._released
        self._holding += 1
        try:
            await released.wait()
        finally:
            self._holding -= 1

    def release(self) -> int:
        """Let every held call go on; returns how many there were."""
        self._released.set()
        self._released = asyncio.Event()
        return self._holding

    def listed(self) -> list[Incident]:
        """The incidents as lists show them: latest first, without what is younger than the lag."""
        horizon = self.clock() - self.settings.list_lag_ms
        seen = (incident.seen_at(horizon) for incident in self.incidents.latest_first())
        return [incident for incident in seen if incident is not None]

    def open(
        self,
        name: str,
        severity: Severity,
        service_ids: tuple[str, ...],
        first: Draft,
        origin: Literal["api", "others"] = "api",
    ) -> Incident:
        """Create an incident with its first update and mail the subscribers if that asks for it."""
        now = self.clock()
        incident = Incident(
            id=self.new_id(),
            name=name,
            severity=severity,
            service_ids=service_ids,
            created_at=now,
            updated_at=now,
            updates=[],
            origin=origin,
        )
        self.post(incident, first)
        return incident

    def post(self, incident: Incident, draft: Draft) -> Update:
        """Append an update and mail the subscribers if it asks for it. Without a status the last one stands."""
        now = self.clock()
        update = Update(
            id=self.new_id(),
            description=draft.description,
            status=draft.status or (incident.status if incident.updates else "INVESTIGATING"),
            public_at=self.public_date(now if draft.public_at is None else draft.public_at),
            created_at=now,
            notify=draft.notify,
        )
        incident.updates.append(update)
        self.incidents.touch(incident, now)
        if update.notify:
            self._mail(incident, update)
        return update

    def public_date(self, at: int) -> int:
        """The public date ``at`` as it is stored."""
        return at // 1000 * 1000 if self.settings.whole_seconds else at

    def _mail(self, incident: Incident, update: Update) -> None:
        self.mails += [
            Mail(
                at=update.created_at,
                page=page.url,
                to=subscriber.address,
                incident=incident.id,
                update=update.id,
                subject=f"[{page.name}] {update.status.capitalize()}: {incident.name}",
                text=update.description,
            )
            for page, subscriber in self.catalog.subscribers_of(incident.service_ids)
        ]
