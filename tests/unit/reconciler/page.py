"""A status page that misbehaves by script, in the place of Checkly's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from bridge.checkly.errors import Gone, NotSent, RateLimited, Rejected, Unauthorized, UnknownOutcome
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import Impact, Intent, Phase, Severity

if TYPE_CHECKING:
    from bridge.checkly.port import Guard

Answer = TypeVar("Answer")
SECOND = 1_000
SERVICES = ("checkout", "payments", "search")
IMPACTS = dict(zip(Severity, [impact for impact in Impact if impact], strict=True))  # one for each, to tell them apart


class Outcome(Enum):
    """What becomes of a write. The last four are all the same to the bridge, save that it may not live to see it."""

    DONE = auto()
    NOT_SENT = auto()
    RATE_LIMITED = auto()
    REFUSED = auto()
    REJECTED = auto()
    LOST_BEFORE = auto()
    LOST_AFTER = auto()
    LATE = auto()
    CRASH_BEFORE = auto()
    CRASH_AFTER = auto()


ERRORS = {
    Outcome.NOT_SENT: NotSent("refused"),
    Outcome.RATE_LIMITED: RateLimited("429"),
    Outcome.REFUSED: Unauthorized("401", status=401),
    Outcome.REJECTED: Rejected("413", status=413),
}


class Crash(BaseException):
    """The process dies here."""


UPDATES_TOLD = 100  # the newest; Checkly tells of no more


class Page:
    """A status page. ``outcomes`` are taken one per write (``opening``: per creation), and all is well after the last.

    A late write takes effect after ``late_ms``; the list shows everything as it was ``lag_ms`` ago, and what is read
    one by one is as it was ``read_lag_ms`` ago. ``on_read`` is called as it is read, ``on_write`` as a write is about
    to arrive. ``writes`` are those that took effect. What is ``hidden`` is not there, says the page, but for its list.

    ``early_date`` is what a date before the incident is refused with. Without ``is_versioned`` no version is shown.

    With ``has_impacts`` it is of the v3 kind: each service is a component, and what is out of the list lacks its
    updates. Tests see the severity of the worst impact, or of the last one before the end, and may set it.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        outcomes: Iterable[Outcome] = (),
        *,
        has_impacts: bool = False,
        name: str = "remote",
    ) -> None:
        self.clock = clock
        self._has_impacts = has_impacts
        self._name = name
        self.outcomes = deque(outcomes)
        self.opening: deque[Outcome] = deque()
        self.late_ms = 5 * SECOND
        self.lag_ms = 0
        self.read_lag_ms = 0
        self.is_down = False
        self.is_versioned = True
        self.early_date: int | None = None
        self.hidden: set[str] = set()
        self.on_read: Callable[[], None] = lambda: None
        self.on_write: Callable[[], None] = lambda: None
        self.writes: list[str] = []
        self.mails: list[str] = []
        self.most_standing = 0
        self.lists = 0
        self.part = 100  # incidents in one part of a list
        self.calls = 0
        self._ids = count(1)
        self._arrival: int | None = None
        self._late: list[tuple[int, Callable[[], object]]] = []
        self._states: dict[str, list[tuple[int, RemoteIncident]]] = {}

    @property
    def incidents(self) -> list[RemoteIncident]:
        """What stands there now, the oldest first."""
        self._arrive()
        return [states[-1][1] for states in self._states.values()]

    @property
    def changed_at(self) -> int:
        """When any incident last changed."""
        return max(at for states in self._states.values() for at, _ in states)

    @property
    def standing(self) -> list[RemoteIncident]:
        """The open ones."""
        return [incident for incident in self.incidents if incident.status is not Phase.RESOLVED]

    @property
    def only(self) -> RemoteIncident:
        (incident,) = self.incidents
        return incident

    def edit(self, remote_id: str, **changes: object) -> None:
        """What a person does."""
        before = self._get(remote_id)
        severity = changes.get("severity")
        if self._has_impacts and isinstance(severity, Severity):
            changes["impacts"] = dict.fromkeys(before.concerns, IMPACTS[severity])
        self.put(replace(before, **changes))

    def delete(self, remote_id: str) -> None:
        del self._states[remote_id]

    async def open(self, intent: Intent, *, guard: Guard | None = None) -> RemoteIncident:
        return await self._write(f"open {intent.severity.name}", intent, lambda: self.create(intent), guard)

    async def read(self, remote_id: str, *, guard: Guard | None = None) -> RemoteIncident:
        self._ask(guard)
        self.on_read()
        self._get(remote_id)
        states = [each for at, each in self._states[remote_id] if at <= self.clock() - self.read_lag_ms]
        if not states:
            raise Gone("404", status=404)
        return self._told(states[-1])

    async def change(
        self, current: RemoteIncident, intent: Intent, *, without: Collection[str] = (), guard: Guard | None = None
    ) -> RemoteIncident:
        def put() -> RemoteIncident:
            added = [name for name in intent.services if name not in without]
            services = tuple(dict.fromkeys((*current.services, *added)))
            changed = replace(self._get(current.id), severity=intent.severity, services=services)
            return self.put(replace(changed, impacts=current.impacts | intent.impacts))

        return await self._write(f"change {intent.severity.name}", intent, put, guard, current.id)

    async def update(self, remote_id: str, intent: Intent, *, guard: Guard | None = None) -> RemoteUpdate:
        def post() -> RemoteUpdate:
            incident = self._get(remote_id)
            update = self._update(intent)
            updates = sorted((*incident.updates, update), key=lambda update: -update.public_at)
            self.put(replace(incident, status=intent.status, updates=tuple(updates)))
            return update

        return await self._write(f"update {intent.status}", intent, post, guard, remote_id)

    async def open_incidents(self, *, guard: Guard | None = None) -> list[RemoteIncident]:
        self._ask(guard)
        self.on_read()
        self.lists += 1
        seen = []
        for states in self._states.values():
            shown = [incident for at, incident in states if at <= self.clock() - self.lag_ms]
            seen += [self._told(incident) for incident in shown[-1:] if incident.status is not Phase.RESOLVED]
        return [replace(each, updates=(), is_whole=False) for each in seen] if self._has_impacts else seen

    async def listed(self, cursor: str = "", *, guard: Guard | None = None) -> tuple[list[RemoteIncident], str]:
        """All there are, ``part`` at a time, as they were ``lag_ms`` ago."""
        self._ask(guard)
        self.on_read()
        self.lists += 1
        shown = [[each for at, each in states if at <= self.clock() - self.lag_ms] for states in self._states.values()]
        found = [self._told(states[-1]) for states in reversed(shown) if states]
        if self._has_impacts:
            found = [replace(each, updates=(), is_whole=False) for each in found]
        first = int(cursor or 0)
        following = first + self.part
        return found[first:following], str(following) if following < len(found) else ""

    def _told(self, incident: RemoteIncident) -> RemoteIncident:
        """The incident as this kind of page tells it."""
        concerns = frozenset(incident.services)
        incident = replace(incident, updates=incident.updates[:UPDATES_TOLD])
        if not self._has_impacts:
            return replace(incident, concerns=concerns)
        impacts = dict.fromkeys(SERVICES, Impact.OPERATIONAL) | incident.impacts
        version = str(len(self._states[incident.id])) if self.is_versioned else ""
        return replace(incident, severity=None, services=(), impacts=impacts, version=version)

    async def _write(
        self,
        what: str,
        intent: Intent,
        commit: Callable[[], Answer],
        guard: Guard | None,
        remote_id: str | None = None,
    ) -> Answer:
        self._ask(guard)
        self.on_write()
        created_at = self.clock() if remote_id is None else self._get(remote_id).created_at
        if self.early_date and intent.is_dated and intent.text and intent.public_at < created_at:
            raise Rejected("earlier than the incident", status=self.early_date)
        script = self.opening if what.startswith("open") and self.opening else self.outcomes
        outcome = script.popleft() if script else Outcome.DONE

        def arrive() -> Answer:
            answer = commit()
            self.writes.append(what)
            self.most_standing = max(self.most_standing, len(self.standing))
            if intent.notify:
                self.mails.append(what)
            return answer

        if outcome in ERRORS:
            raise ERRORS[outcome]
        if outcome is Outcome.CRASH_BEFORE:
            raise Crash
        if outcome is Outcome.LATE:
            self._late.append((self.clock(), arrive))
        if outcome in {Outcome.LATE, Outcome.LOST_BEFORE}:
            raise UnknownOutcome("timeout")
        answer = arrive()
        if outcome is Outcome.CRASH_AFTER:
            raise Crash
        if outcome is Outcome.LOST_AFTER:
            raise UnknownOutcome("reset")
        return answer

    def _ask(self, guard: Guard | None) -> None:
        self._arrive()
        self.calls += 1
        if guard is not None and not guard():
            raise NotSent("the lease is lost")
        if self.is_down:
            raise NotSent("refused")

    def _arrive(self) -> None:
        now = self.clock()
        due = [(at + self.late_ms, arrive) for at, arrive in self._late if at + self.late_ms <= now]
        self._late = [(at, arrive) for at, arrive in self._late if at + self.late_ms > now]
        for self._arrival, arrive in due:
            arrive()
        self._arrival = None

    @property
    def _now(self) -> int:
        """The present, or when the late write took effect that is arriving."""
        return self.clock() if self._arrival is None else self._arrival

    def create(self, intent: Intent) -> RemoteIncident:
        return self.put(
            RemoteIncident(
                id=f"{self._name}-{next(self._ids)}",
                name=intent.name,
                status=intent.status,
                severity=intent.severity,
                services=intent.services,
                created_at=self._now,
                updates=(self._update(intent),),
                impacts=intent.impacts,
            )
        )

    def _update(self, intent: Intent) -> RemoteUpdate:
        return RemoteUpdate(
            id=f"update-{next(self._ids)}",
            status=intent.status,
            text=intent.text,
            public_at=intent.public_at if intent.is_dated else self._now,
            created_at=self._now,
        )

    def _get(self, remote_id: str) -> RemoteIncident:
        if remote_id not in self._states or remote_id in self.hidden:
            raise Gone("404", status=404)
        return self._states[remote_id][-1][1]

    def put(self, incident: RemoteIncident) -> RemoteIncident:
        if self._has_impacts:
            incident = _consistent(incident)
        self._states.setdefault(incident.id, []).append((self._now, incident))
        return incident


def _consistent(incident: RemoteIncident) -> RemoteIncident:
    """The end of an incident is the end of its impacts; its severity is that of the worst."""
    is_over = incident.status is Phase.RESOLVED
    impacts = dict.fromkeys(incident.impacts, Impact.OPERATIONAL) if is_over else incident.impacts
    ailing = frozenset(name for name, impact in impacts.items() if impact)
    levels = {impact: severity for severity, impact in IMPACTS.items()}
    severity = max((levels[impacts[name]] for name in ailing), default=incident.severity)
    return replace(incident, impacts=impacts, concerns=ailing, severity=severity)
