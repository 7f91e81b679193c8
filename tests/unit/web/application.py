"""The application with doubles around it, for tests of what it answers."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx
from msgspec.structs import replace

from bridge.config.loader import load
from bridge.core.routing import Router
from bridge.model import Alert, AlertStatus, Incident, Routed
from bridge.senders.credentials import Credentials
from bridge.senders.pagerduty.signature import SigningSecrets
from bridge.store import (
    ActionResult,
    BudgetState,
    Change,
    CountedAlert,
    Detail,
    Episodes,
    Finding,
    Lift,
    Lifted,
    Outcome,
    Part,
    Trip,
    Unpublished,
    UnpublishedGroup,
    UnpublishedGroups,
    Wanted,
)
from bridge.web.admin import People
from bridge.web.app import create_app
from bridge.web.endpoints import Alertmanager, PagerDuty, Sender
from bridge.web.sender_watch import SenderWatch
from bridge.web.unpublished import UnpublishedFold

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.core.actions import Action
    from bridge.store.paged import PagedAlerts
    from bridge.web.receiver import Item

WEBHOOK = "/webhooks/alertmanager"
PAGERDUTY = "/webhooks/pagerduty"
TOKEN = "token"
ADMIN_TOKEN = "admin"
OPERATOR_TOKEN = "alice-new"
OPERATORS = {"alice": Credentials([OPERATOR_TOKEN, "alice-old"]), "bob": Credentials(["bob"])}
SECRET = "secret"
NOW = 1_795_459_630_000
CONFIG = """\
version: 1
services: {checkout: Checkout}
severity: [{is: MAJOR}]
limits: {body: 4KiB}
routes:
  - {name: quiet, match: env = dev, ignore: true}
  - {name: alive, match: alertname = Watchdog, watchdog: true}
  - {name: checkout, match: service = checkout, services: [checkout]}
  - {name: labelled, match: 'status_page != ""', services: {label: status_page}}
"""


class MemoryGroups:
    """What the application sees of the alerts that were not published; ``error`` makes it fail."""

    def __init__(self) -> None:
        self.groups: dict[Unpublished, UnpublishedGroup] = {}
        self.added: asyncio.Queue[UnpublishedGroup] = asyncio.Queue()
        self.left_out = 0
        self.error: Exception | None = None

    async def add(self, groups, *, now, left_out):
        assert now >= NOW
        if self.error:
            raise self.error
        self.left_out += left_out
        for each in groups:
            known = self.groups.get(each.about)
            self.groups[each.about] = replace(each, count=each.count + (known.count if known else 0))
            self.added.put_nowait(each)

    async def all(self, *, now):
        if self.error:
            raise self.error
        return UnpublishedGroups(groups=list(self.groups.values()), cut_at=now if self.left_out else None)


class MemoryListing:
    """What the application sees of the lists: the incidents of a store, of which two are looked at a part."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked: list[Wanted] = []

    async def part(self, wanted: Wanted, /, *, after: str, count: int) -> Part:
        if self._store.error:
            raise self._store.error
        self.asked.append(wanted)
        incidents = [incident for incident, _ in self._store.held]
        places = [f"1-{incident.id}" for incident in incidents]
        first = places.index(after) + 1 if after else 0
        last = min(first + count, first + 2, len(incidents))
        found = incidents[first:last]
        return Part(
            found, places[last - 1] if last < len(incidents) else "", {each.id: f"1-{each.id}" for each in found}
        )


class MemoryArchive:
    """What the application sees of the outages: parts in the order in which they are asked for, and what was asked."""

    def __init__(self) -> None:
        self.parts: list[Episodes] = [Episodes([], [])]
        self.asked: list[tuple[int, str, int]] = []
        self.error: Exception | None = None

    async def episodes(self, since, *, after="", count=100):
        if self.error:
            raise self.error
        self.asked.append((since, after, count))
        return self.parts[min(len(self.asked), len(self.parts)) - 1]


class MemoryFinder:
    """Finds what the test says."""

    def __init__(self) -> None:
        self.found: dict[str, Finding] = {}
        self.pause: str | None = None
        self.asked: list[tuple[str, ...]] = []

    async def paused(self):
        return self.pause

    async def by_fingerprint(self, fingerprint, origins):
        self.asked.append(("fingerprint", fingerprint, *(f"{source}@{sender}" for source, sender in origins)))
        return self.found.get(fingerprint, Finding(alerts=[]))

    async def by_name(self, name, ids=()):
        self.asked.append(("name", name, *ids))
        return self.found.get(name, Finding(alerts=[]))


class MemoryHealing:
    """What is known of clusters: nothing."""

    async def now(self):
        return NOW

    async def observations(self, _):
        return {}

    async def places(self):
        nothing: list[list[Any]] = []
        for part in nothing:
            yield part

    async def alerts(self, _):
        return {}


class MemoryStore:
    """What the application sees of a store; ``error`` makes it fail, ``gate`` makes it wait."""

    def __init__(self) -> None:
        self.held: list[tuple[Incident, list[CountedAlert]]] = []
        self.unpublished = MemoryGroups()
        self.listing = MemoryListing(self)
        self.episode_archive = MemoryArchive()
        self.finder = MemoryFinder()
        self.healing = MemoryHealing()
        self.paged = _no_accounts
        self.actions: list[tuple[str, Action]] = []
        self.acted = ActionResult(outcome=Outcome.DONE)
        self.asked: list[tuple[list[str], str, str, int, str]] = []
        self.lifted: dict[str, Lift] = {}
        self.items: list[Item] = []
        self.firing: set[str] = set()
        self.heard: set[str] = set()
        self.error: Exception | None = None
        self.refused = ""
        self.paused = False
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def ingest(self, items):
        self.reached.set()
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        self.items += items
        return [self._change(alert, routed) for alert, routed in items]

    async def public_note(self, _public_note):
        if self.error:
            raise self.error
        return "unknown"

    async def heartbeat(self, watchdogs):
        if self.error:
            raise self.error
        self.heard.update(watchdogs)

    def _change(self, alert: Alert, routed: Routed | None) -> Change:
        if self.refused:
            return Change(fingerprint=alert.fingerprint, incident_id=None, outcome=self.refused)
        known = alert.fingerprint in self.firing
        if alert.status is AlertStatus.RESOLVED:
            self.firing.discard(alert.fingerprint)
            outcome = "resolved" if known else "unknown"
        else:
            self.firing.add(alert.fingerprint)
            outcome = "repeat" if known else "opened"
        id_ = routed.id if routed else None
        return Change(fingerprint=alert.fingerprint, incident_id=id_, outcome=outcome, is_due=outcome == "opened")

    async def incidents(self):
        if self.error:
            raise self.error
        for incident, _ in self.held:
            yield [incident]

    async def budgets(
        self, over_at: Mapping[str, Mapping[str, tuple[int, int]]], routes: Sequence[str], *, groups: bool = False
    ) -> tuple[tuple[BudgetState, ...], tuple[Trip, ...]]:
        if self.error:
            raise self.error
        names = next(iter(over_at.values()))
        by_route = {name: dict.fromkeys(routes, 2) for name in names}
        spent = dict.fromkeys(names, 2)
        found = ({"region": "eu", "pod": "a"}, {"region": "eu", "pod": "b"}) if groups else ()
        return tuple(
            BudgetState(
                page=page, spent=spent, by_route=by_route, waiting=7, groups=found, lifted=self.lifted.get(page)
            )
            for page in over_at
        ), ()

    async def lift(self, pages, *, by, reason, for_ms, key=""):
        if self.error:
            raise self.error
        self.asked.append((list(pages), by, reason, for_ms, key))
        given = Lift(by=by, at=NOW, until=NOW + for_ms, reason=reason)
        changed = tuple(page for page in pages if for_ms or page in self.lifted)
        for page in changed:
            self.lifted[page] = given
            if not for_ms:
                del self.lifted[page]
        return Lifted(until=given.until, pages=changed, due=7 if for_ms else 0)

    async def lifts(self):
        return [replace(each, pages=(page,)) for page, each in self.lifted.items()]

    async def is_paused(self):
        return self.paused

    async def act(self, id_, action):
        if self.error:
            raise self.error
        self.actions.append((id_, action))
        return self.acted

    async def incident(self, id_, *, count, after):
        if self.error:
            raise self.error
        found = next((alerts for incident, alerts in self.held if incident.id == id_), None)
        if found is None:
            return None
        incident = next(incident for incident, _ in self.held if incident.id == id_)
        following = after + count if len(found) > after + count else 0
        return Detail(incident=incident, alerts=found[after : after + count], total=len(found), after=following)


class FixedHealth:
    answer = (True, "")

    async def ready(self):
        return self.answer


class Bridge:
    """An application with doubles around it, and a client that sends like Alertmanager or PagerDuty."""

    def __init__(
        self,
        directory: Path,
        *,
        config=CONFIG,
        tokens=(TOKEN,),
        secrets=(SECRET,),
        admins=(ADMIN_TOKEN,),
        operators=OPERATORS,
    ) -> None:
        path = directory / "bridge.yaml"
        path.write_text(config)
        self.current = load(path)
        self.store = MemoryStore()
        self.health = FixedHealth()
        self.changes = 0
        self.unpublished = UnpublishedFold(self.store.unpublished, wall_ms=lambda: NOW)
        self.senders: list[Sender[Any]] = [Alertmanager(Credentials(tokens)), PagerDuty(SigningSecrets(secrets))]
        self.app = create_app(
            store=self.store,
            config=self,
            router=Router(),
            senders=self.senders,
            people=People(admins=Credentials(admins), operators=dict(operators)),
            wall_ms=lambda: NOW,
            health=self.health,
            sender_watch=SenderWatch([("alertmanager", ""), ("pagerduty", "")], wall_ms=lambda: NOW),
            unpublished=self.unpublished,
            on_change=self.changed,
        )
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://bridge")

    def changed(self) -> None:
        self.changes += 1

    async def send(self, content: Any, *, method="POST", path=WEBHOOK, token=TOKEN, headers=None) -> httpx.Response:
        body = content if isinstance(content, bytes) or hasattr(content, "__aiter__") else json.dumps(content).encode()
        sent = {"Authorization": f"Bearer {token}"} | (headers or {})
        return await self.client.request(method, path, content=body, headers=sent)

    async def page(self, content: Any, *, secret=SECRET, headers=None, method="POST", path=PAGERDUTY) -> httpx.Response:
        """Send as PagerDuty does."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = {"X-PagerDuty-Signature": f"v1={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"} | (
            headers or {}
        )
        return await self.client.request(method, path, content=body, headers=sent)

    async def act(self, id_: str, asked: Any, *, token=OPERATOR_TOKEN, headers=None) -> httpx.Response:
        """Ask for an action as an operator does."""
        return await self.post(f"/api/incidents/{id_}/actions", asked, token=token, headers=headers)

    async def post(self, path: str, asked: Any, *, token=OPERATOR_TOKEN, headers=None) -> httpx.Response:
        """Send JSON as an operator does."""
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        sent = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self.client.request("POST", path, content=body, headers=sent | (headers or {}))

    async def get(self, path: str, token: str = ADMIN_TOKEN) -> httpx.Response:
        return await self.client.get(path, headers={"Authorization": f"Bearer {token}"})


def assert_refused(answer: httpx.Response, status: int, error: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error", "message"}
    assert answer.json()["error"] == error
    assert answer.json()["message"]


def _no_accounts(sender: str) -> PagedAlerts:
    raise AssertionError(f"no account is configured, and not that of {sender}")
