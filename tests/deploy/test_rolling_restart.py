"""A rollout under load: three bridges behind nginx are replaced one by one, and senders repeat what is not accepted."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from tests.chaos.campaign_servers import Alerts, name
from tests.chaos.checker import Verdict, Wanted
from tests.deploy.fleet import Fleet
from tests.scenarios import pager
from tests.scenarios.vocabulary import now_ms
from tests.servers import Bridge, Nginx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.servers.nginx import Attempt

RATE = 200  # deliveries per second, of all senders together
SENDERS = 40  # every other one is PagerDuty; each waits for its answer before it goes on
LIFE = 12  # deliveries from the first of an outage to its end
CUT_OFF = 0  # the status of a request whose connection ended without an answer

_NUMBERS = count()

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.needs("redis-server")]


def growing_group(number: int, alerts: Alerts) -> Iterator[bytes]:
    """One outage without an end, of which each delivery tells another part: what is lost stays lost."""
    for step in count():
        yield alerts.fires(f"r{number}", instance=f"{step}")


def passing_groups(number: int, alerts: Alerts) -> Iterator[bytes]:
    """One outage after the other; their deliveries differ in a label, or not at all."""
    for outage in count():
        region = f"r{number}-{outage}"
        for step in range(_life(number, outage)):
            yield alerts.repeats(region) if step % 2 else alerts.fires(region, instance=f"{step}")
        yield alerts.ends(region)


def pagerduty_incidents(number: int, wanted: dict[str, Wanted]) -> Iterator[bytes]:
    """The events of one incident after the other."""
    services = frozenset({"Checkout"})
    for outage in count():
        incident = pager.PagedIncident(f"P{number}X{outage}")
        title = f"Paged Incident {incident.id}"
        wanted[title] = Wanted(severity="MEDIUM", services=services, ever=services)
        yield incident.triggered()
        for _ in range(_life(number, outage)):
            yield incident.escalated()
        wanted[title] = Wanted(ever=services)
        yield incident.resolved()


def _life(number: int, outage: int) -> int:
    """The first is longer, each sender's by another length: they shall not all begin anew at once."""
    return LIFE + (number % LIFE if outage == 0 else 0)


def _sign(body: bytes) -> dict[str, str]:
    return {"X-PagerDuty-Signature": f"v1={hmac.new(pager.SECRET.encode(), body, 'sha256').hexdigest()}"}


class Sender(NamedTuple):
    """Who delivers what, and what proves it."""

    path: str
    bodies: Iterator[bytes]
    credentials: Callable[[bytes], dict[str, str]]


class Load:
    """Senders that keep up the rate until told to stop."""

    def __init__(self) -> None:
        self._alerts = Alerts()
        self._paged: dict[str, Wanted] = {}
        self._stopped_at = float("inf")
        self.answers: Counter[int] = Counter()

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """What the page must show in the end."""
        return {**self._alerts.wanted(), **self._paged}

    def miscounted(self, incidents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of the bridge's incidents that do not count each of Alertmanager's alerts that fires, and no other."""
        ours = [each for each in incidents if name(each["group"].get("region", "")) in self._alerts.wanted()]
        return [each for each in ours if each["firing"] != len(self._alerts.firing(each["group"]["region"]))]

    async def run(self, url: str) -> None:
        """Deliver all that is due until ``stop``: a sender that was held up catches up."""
        began_at = time.monotonic()
        limits = httpx.Limits(max_connections=SENDERS, max_keepalive_connections=SENDERS)
        async with httpx.AsyncClient(base_url=url, timeout=5, limits=limits) as client, asyncio.TaskGroup() as group:
            for place in range(SENDERS):
                group.create_task(self._send(client, self._sender(next(_NUMBERS)), began_at + place / RATE))

    def stop(self) -> None:
        """Nothing is due from now on."""
        self._stopped_at = time.monotonic()

    def _sender(self, number: int) -> Sender:
        if number % 2:
            return Sender("/webhooks/pagerduty", pagerduty_incidents(number, self._paged), _sign)
        token = {"Authorization": f"Bearer {Bridge.alertmanager_token}"}
        groups = growing_group if number % 4 else passing_groups
        return Sender("/webhooks/alertmanager", groups(number, self._alerts), lambda _: token)

    async def _send(self, client: httpx.AsyncClient, sender: Sender, due_at: float) -> None:
        while due_at < self._stopped_at:
            await asyncio.sleep(due_at - time.monotonic())
            if due_at < self._stopped_at:
                await self._deliver(client, sender, next(sender.bodies))
            due_at += SENDERS / RATE

    async def _deliver(self, client: httpx.AsyncClient, sender: Sender, body: bytes) -> None:
        """Repeat what got no answer, a 5xx or a 429; anything else the sender would drop."""
        while True:
            try:
                answer = await client.post(sender.path, content=body, headers=sender.credentials(body))
                status = answer.status_code
            except httpx.TransportError:
                status = CUT_OFF
            self.answers[status] += 1
            if status == httpx.codes.ACCEPTED:
                return
            assert status in {CUT_OFF, httpx.codes.TOO_MANY_REQUESTS} or status >= 500, answer.text
            await asyncio.sleep(0.1)  # a sender waits longer


class Rollout:
    """Bridges behind nginx, to be restarted one after the other."""

    def __init__(self, nginx: Nginx, bridges: Sequence[Bridge]) -> None:
        self._nginx = nginx
        self._bridges = bridges
        self._restarts: list[tuple[int, int, int]] = []

    def run(self, *, announced: bool) -> None:
        """Restart each when the one before is ready again. ``announced``: nginx lets go of it before."""
        for bridge in self._bridges:
            if announced:
                self._nginx.balance([each.port for each in self._bridges if each is not bridge])
            began_at = now_ms()
            assert bridge.stop() == 0
            bridge.start()
            self._restarts.append((bridge.port, began_at, now_ms()))
            if announced:
                self._nginx.balance([each.port for each in self._bridges])

    def failures(self) -> list[Attempt]:
        """What bridges that were ready did not accept."""
        refused = [each for each in self._nginx.attempts() if each.status != httpx.codes.ACCEPTED]
        return [each for each in refused if not any(_overlap(each, *restart) for restart in self._restarts)]


def _overlap(attempt: Attempt, port: int, began_at: int, ended_at: int) -> bool:
    return attempt.port == port and attempt.began_at <= ended_at and began_at <= attempt.ended_at


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with ExitStack() as running:
        yield Fleet(tmp_path_factory.mktemp("fleet"), running)


@pytest.fixture(scope="module")
def bridges(fleet):
    """Three that are ready."""
    three = [fleet.bridge() for _ in range(3)]
    for bridge in three:
        bridge.wait_ready()
    return three


@pytest.mark.parametrize(
    ("announced", "next_upstream", "refusals"),
    [
        (True, "error timeout", {CUT_OFF}),
        (False, "error timeout", {CUT_OFF, 502, 503}),
        (False, "error timeout http_503 non_idempotent", {CUT_OFF}),
    ],
    ids=["nginx is told before", "nginx finds out", "nginx finds out and asks another"],
)
async def test_no_delivery_is_lost_or_doubled(tmp_path, fleet, bridges, announced, next_upstream, refusals):
    ports = [bridge.port for bridge in bridges]
    with Nginx(tmp_path, ports=ports, next_upstream=next_upstream) as nginx:
        rollout, load = Rollout(nginx, bridges), Load()
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(nginx.url))
            await asyncio.to_thread(rollout.run, announced=announced)
            load.stop()
    assert load.answers.keys() <= {httpx.codes.ACCEPTED, *refusals}
    assert rollout.failures() == []
    assert load.miscounted(bridges[0].incidents()["incidents"]) == []
    assert fleet.verdict(load.wanted) == Verdict()
