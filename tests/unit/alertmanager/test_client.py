"""What a poll of one peer says, and that it says nothing where one thing in the answer is not understood."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import httpx
import pytest

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.config.environment import Secret
from bridge.core.healing.seen import Listed, PeerError
from tests.contracts.alertmanager import NEW, OLD, contract
from tests.servers.alertmanager_stand_in import FAULTS, StandIn

START = 1_790_000_000_000
HOUR = 3_600_000
DOWN = {"alertname": "Down", "job": "shop"}
KINDS = {
    "unreachable": "unreachable",
    "hangs": "timeout",
    "error": "status",
    "refuses": "refused",
    "redirects": "redirect",
    "html": "not_understood",
    "cut": "not_understood",
    "bad entry": "not_understood",
    "unknown state": "not_understood",
    "too large": "too_large",
    "cached": "not_understood",
    "without date": "not_understood",
    "twice": "not_understood",
}


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def peer(time):
    found = StandIn(time)
    time.now += HOUR
    return found


def client(peer: StandIn, **access: Any) -> Client:
    return Client(Access(**{"url": "http://am-0:9093", **access}), transport=peer.transport())


def answering(*bodies: str | bytes) -> Client:
    """A client of a peer that answers its calls one after the other so."""
    left = list(bodies)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Date": "Mon, 30 Nov 2026 21:13:48 GMT"}, content=left.pop(0))

    return Client(Access(url="http://am-0:9093"), transport=httpx.MockTransport(answer))


async def failure(client: Client) -> PeerError:
    with pytest.raises(PeerError) as caught:
        await client.poll()
    return caught.value


async def test_a_poll_has_every_alert_with_its_state_and_since_when_the_peer_runs(peer):
    silenced = peer.receive({"alertname": "Silenced"}, starts_at=START)
    active = peer.receive(DOWN, starts_at=START)
    inhibited = peer.receive({"alertname": "Inhibited"}, starts_at=START)
    peer.silences.add(silenced)
    peer.inhibited.add(inhibited)
    poll = await client(peer).poll()
    assert poll.alerts[active] == Listed(START, "2026-09-21T15:13:20.000Z", "active", DOWN)
    told = {name: (each.state, each.silenced, each.inhibited) for name, each in poll.alerts.items()}
    assert told == {
        active: ("active", False, False),
        silenced: ("suppressed", True, False),
        inhibited: ("suppressed", False, True),
    }
    assert poll.age_ms == HOUR
    assert poll.is_settled
    assert poll.process.endswith("Z")


async def test_an_alert_that_ended_is_not_in_it(peer):
    peer.receive(DOWN, ends_at=peer.now - 1)
    assert not (await client(peer).poll()).alerts


@pytest.mark.parametrize("skew_ms", [HOUR, -HOUR, 17])
async def test_the_age_is_by_the_clock_of_the_peer_alone(time, skew_ms):
    peer = StandIn(time, skew_ms=skew_ms)
    time.now += 2 * HOUR
    age = (await client(peer).poll()).age_ms
    assert age is not None
    assert 0 <= 2 * HOUR - age < 1000  # its Date header has whole seconds


async def test_a_peer_that_has_just_begun_has_an_age_of_nothing_and_not_less(time):
    time.now += 999  # the Date header is before its start, which has milliseconds
    assert (await client(StandIn(time)).poll()).age_ms == 0


@pytest.mark.parametrize("status", ["ready", "disabled", "settling"])
async def test_a_cluster_that_settles_is_not_settled(peer, status):
    peer.cluster = status
    assert (await client(peer).poll()).is_settled == (status != "settling")


@pytest.mark.parametrize("fault", [each for each in FAULTS if each != "empty"])
async def test_an_answer_of_which_not_everything_is_understood_is_none(peer, fault):
    peer.receive(DOWN, starts_at=START)
    asking = client(peer)
    peer.fault = fault
    error = await failure(asking)
    assert error.kind == KINDS[fault]
    assert "Down" not in error.detail
    peer.fault = ""
    assert (await asking.poll()).alerts


async def test_an_empty_list_is_an_answer_which_lists_nothing(peer):
    peer.receive(DOWN, starts_at=START)
    peer.fault = "empty"
    assert not (await client(peer).poll()).alerts


async def test_a_restart_while_the_peer_is_asked_voids_the_answer(peer, time):
    class Restarting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/alerts"):
                time.now += 1
                peer.restart()
            answer: httpx.Response = peer.answer(request)
            return answer

    error = await failure(Client(Access(url="http://am-0:9093"), transport=Restarting()))
    assert (error.kind, error.detail) == (
        "not_understood",
        "it restarted while it was asked, or several answer at this address",
    )


STATUS = '{"cluster": {"status": "ready"}, "uptime": "2026-11-30T20:13:48.427Z"}'
ALERT = (
    '{"fingerprint": "0f", "labels": {"a": "b"}, "startsAt": "2026-01-02T03:04:05+08:00",'
    ' "updatedAt": "2026-01-02T03:04:05.123456789Z", "endsAt": "2026-01-02T03:04:05Z",'
    ' "status": {"state": "active", "silencedBy": [], "inhibitedBy": []}}'
)


async def test_instants_may_have_any_offset_and_any_fraction():
    poll = await answering(STATUS, f"[{ALERT}]", STATUS).poll()
    assert poll.alerts == {"0f": Listed(1_767_294_245_000, "2026-01-02T03:04:05.123456789Z", "active", {"a": "b"})}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "{}",
        f"[{ALERT}",
        f"[{ALERT}] x",
        f"[{ALERT}, null]",
        f"[{ALERT}, []]",
        "[" * 100_000,
        f"[{ALERT.replace('0f', '')}]",
        f"[{ALERT.replace('+08:00', '')}]",
        f"[{ALERT.replace('123456789Z', '')}]",
        f"[{ALERT.replace('active', 'Active')}]",
        ALERT.replace('"labels": {"a": "b"}', '"labels": {"a": 1}').join("[]"),
        ALERT.replace('"labels": {"a": "b"}', '"labels": null').join("[]"),
        ALERT.replace('"endsAt"', '"endedAt"').join("[]"),
        f"[{ALERT}]".encode("utf-16"),
        b"[" + ALERT.encode().replace(b'"b"', b'"\xff"') + b"]",
    ],
    ids=lambda body: repr(body)[:40],
)
async def test_what_is_no_list_of_alerts_is_not_understood(body):
    assert (await failure(answering(STATUS, body, STATUS))).kind == "not_understood"


@pytest.mark.parametrize(
    "status",
    [
        "{}",
        '{"cluster": {"status": "ready"}}',
        '{"cluster": {"status": "ready"}, "uptime": "soon"}',
        '{"cluster": {"status": "N/A"}, "uptime": "2026-11-30T20:13:48.427Z"}',
    ],
)
async def test_what_does_not_say_since_when_it_runs_is_not_understood(status):
    assert (await failure(answering(status))).kind == "not_understood"


@pytest.mark.parametrize(
    "access",
    [
        {"url": "https://grafana.example/api/alertmanager/grafana"},
        {"url": "https://grafana.example/sub/api/alertmanager/grafana/"},
        {"url": "http://mimir:8080/alertmanager", "headers": {"X-Scope-OrgID": "shop"}},
    ],
    ids=["grafana", "grafana below a path", "mimir"],
)
async def test_grafana_and_mimir_are_not_asked_since_when_they_run(peer, access):
    peer.receive(DOWN, starts_at=START)
    poll = await client(peer, **access).poll()
    assert (poll.process, poll.age_ms, poll.is_settled, len(poll.alerts)) == ("", None, True, 1)
    assert [str(url) for url in peer.asked] == [access["url"].rstrip("/") + "/api/v2/alerts"]


async def test_every_call_is_one_that_alertmanager_describes(peer):
    asking = client(peer)
    await asking.poll()
    await asking.groups("team.web+checkly (prod)")
    for url in peer.asked:
        for version in (OLD, NEW):
            contract(version).validate_query(url.path, url.params.multi_items())


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        ("t0ken", "Bearer t0ken"),
        ("amy:s:cret", "Basic " + base64.b64encode(b"amy:s:cret").decode()),
        (None, None),
    ],
)
async def test_credentials_are_a_bearer_token_or_a_user_with_a_password(credentials, sent):
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(403)

    secret = None if credentials is None else Secret(credentials)
    access = Access(url="http://am-0", credentials=secret, headers={"X-Team": "shop"})
    error = await failure(Client(access, transport=httpx.MockTransport(answer)))
    assert seen[0].get("authorization") == sent
    assert seen[0]["x-team"] == "shop"
    assert "s:cret" not in str(error)


async def test_a_group_has_what_a_delivery_would_have_and_whether_anybody_keeps_it_back(peer):
    names = {
        kind: peer.receive({"alertname": kind}, starts_at=START, annotations={"summary": "It is down"})
        for kind in ("active", "silenced", "inhibited", "muted")
    }
    peer.silences.add(names["silenced"])
    peer.inhibited.add(names["inhibited"])
    peer.muted.add(names["muted"])
    found = {each.fingerprint: each for each in await client(peer).groups("bridge")}
    assert {kind: found[name].is_active for kind, name in names.items()} == {
        "active": True,
        "silenced": False,
        "inhibited": False,
        "muted": False,
    }
    active = found[names["active"]]
    assert (active.starts_at, active.age_ms, active.labels) == (START, HOUR, {"alertname": "active"})


@pytest.mark.parametrize("receiver", ["bridg", "bridge2", "b.*", ".*"])
async def test_only_the_groups_of_our_receiver_are_ours(peer, receiver):
    peer.receive(DOWN, starts_at=START)
    assert not await client(peer).groups(receiver)
    assert re.escape(receiver) == peer.asked[-1].params["receiver"]


@pytest.mark.parametrize(
    "fault", [each for each in FAULTS if each not in {"empty", "twice", "unknown state", "bad entry"}]
)
async def test_groups_of_which_not_everything_is_understood_are_none(peer, fault):
    peer.receive(DOWN, starts_at=START)
    peer.fault = fault
    with pytest.raises(PeerError):
        await client(peer).groups("bridge")


async def test_others_get_their_turn_while_a_long_list_is_read(peer):
    for number in range(1000):
        peer.receive({"alertname": f"Down{number}"}, starts_at=START)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert len((await client(peer).poll()).alerts) == 1000
    task.cancel()
    assert turns >= 5
