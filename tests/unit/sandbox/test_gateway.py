"""Every kind of fault, over a real server where the connection matters."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from bridge.sandbox import Account, ConnectionDropped
from tests.unit.sandbox.helpers import INCIDENTS, Clock, eventually, key_of, new_incident, service, update
from tests.unit.sandbox.v3.helpers import ORDERS, create, impacts

if TYPE_CHECKING:
    from bridge.sandbox.state import State


class Write(NamedTuple):
    """A write; ``took_effect`` tells whether the incident differs from what it was before."""

    method: str
    path: str
    body: dict[str, Any]
    took_effect: Callable[[], Awaitable[bool]]


async def queue(client: httpx.AsyncClient, *faults: dict[str, Any]) -> None:
    answer = await client.post("/sandbox/faults", json=list(faults))
    assert answer.status_code == 201, answer.text


async def calls(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/sandbox/calls")).json()
    return found


async def incidents(client: httpx.AsyncClient) -> int:
    return len((await client.get("/sandbox/state")).json()["incidents"])


@pytest.mark.parametrize("commit", [True, False])
async def test_a_dropped_call_gets_no_answer(live: httpx.AsyncClient, account: Account, commit: bool) -> None:
    await queue(live, {"kind": "drop", "method": "POST", "commit": commit})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await live.post(INCIDENTS, json=new_incident(account))
    assert await incidents(live) == commit
    dropped = (await calls(live))[0]
    assert (dropped["fault"], dropped["committed"], dropped["status"]) == ("drop", commit, None)
    assert (await live.post(INCIDENTS, json=new_incident(account))).status_code == 201


@pytest.mark.parametrize("commit", [True, False])
async def test_a_held_call_waits_for_its_release(live: httpx.AsyncClient, account: Account, commit: bool) -> None:
    await queue(live, {"kind": "hold", "path": INCIDENTS, "commit": commit})
    post = asyncio.create_task(live.post(INCIDENTS, json=new_incident(account)))
    await eventually(lambda: _held(live, commit=commit))
    assert not post.done()
    assert await incidents(live) == commit
    assert (await live.post("/sandbox/release")).json() == {"released": 1}
    assert (await post).status_code == 201
    assert await incidents(live) == 1


async def _held(client: httpx.AsyncClient, *, commit: bool) -> bool:
    return any(call["fault"] == "hold" and call["committed"] == commit for call in await calls(client))


async def test_a_client_killed_while_held_leaves_its_commit(
    live: httpx.AsyncClient, server: str, account: Account
) -> None:
    await queue(live, {"kind": "hold", "method": "POST", "commit": True})
    client = f"""
        import httpx
        httpx.post({server + INCIDENTS!r}, json={new_incident(account)!r}, headers={key_of(account)!r}, timeout=None)
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(client))
    await eventually(lambda: _held(live, commit=True))
    process.kill()
    await process.wait()
    assert await incidents(live) == 1
    await eventually(lambda: _ended(live))
    assert (await calls(live))[0]["status"] is None
    assert (await live.post("/sandbox/release")).json() == {"released": 0}


async def _ended(client: httpx.AsyncClient) -> bool:
    return all(call["ended"] for call in await calls(client))


@pytest.mark.parametrize("commit", [True, False])
async def test_a_delayed_call_takes_effect_only_if_the_fault_commits(
    live: httpx.AsyncClient, account: Account, commit: bool
) -> None:
    await queue(live, {"kind": "delay", "ms": 60_000, "method": "POST", "commit": commit})
    with pytest.raises(httpx.ReadTimeout):
        await live.post(INCIDENTS, json=new_incident(account), timeout=0.5)
    assert await incidents(live) == commit


async def test_a_call_may_take_effect_after_its_client_gave_up(live: httpx.AsyncClient, account: Account) -> None:
    await queue(live, {"kind": "delay", "ms": 300, "method": "POST"})
    with pytest.raises(httpx.ReadTimeout):
        await live.post(INCIDENTS, json=new_incident(account), timeout=0.05)
    assert await eventually(lambda: incidents(live)) == 1


async def test_a_short_delay_ends_in_the_genuine_answer(live: httpx.AsyncClient, account: Account) -> None:
    await queue(live, {"kind": "delay", "ms": 1})
    assert (await live.post(INCIDENTS, json=new_incident(account))).status_code == 201


WRITES = ["PUT v1", "PATCH v1", "POST v1", "PUT v3", "PUT timeline", "POST v3"]


@pytest.fixture
async def write(live: httpx.AsyncClient, account: Account, request: pytest.FixtureRequest) -> Write:
    """One kind of write to an incident that is there, by its method and generation, and how to see its effect."""
    method, kind = request.param.split()
    incident = f"{INCIDENTS}/{(await live.post(INCIDENTS, json=new_incident(account))).json()['id']}"
    if kind != "v1":
        incident = await create(live)
    window = {"componentId": ORDERS, "status": "MAJOR_OUTAGE", "startedAt": "2026-01-01T00:00:00Z", "endedAt": None}
    bodies: dict[str, dict[str, Any]] = {
        "PUT v1": {"name": "New", "severity": "MINOR", "services": [service(account, "Payments")]},
        "PATCH v1": {"severity": "MINOR"},
        "PUT v3": {"name": "New", "componentImpacts": impacts(dashboard="MAJOR_OUTAGE")},
        "PUT timeline": {"componentImpacts": [window]},
    }
    path = incident + {"POST": "/incident-updates", "PUT timeline": "/component-impacts"}.get(
        method if method == "POST" else request.param, ""
    )
    before = (await live.get(incident)).json()

    async def took_effect() -> bool:
        return bool((await live.get(incident)).json() != before)

    return Write(method, path, bodies.get(request.param, update()), took_effect)


@pytest.mark.parametrize("write", WRITES, indirect=True)
@pytest.mark.parametrize("commit", [True, False])
async def test_the_answer_to_any_write_can_be_lost(live: httpx.AsyncClient, write: Write, commit: bool) -> None:
    await queue(live, {"kind": "drop", "method": write.method, "path": write.path, "commit": commit})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await live.request(write.method, write.path, json=write.body)
    assert await write.took_effect() == commit


@pytest.mark.parametrize("write", WRITES, indirect=True)
async def test_any_write_can_take_effect_after_its_client_gave_up(live: httpx.AsyncClient, write: Write) -> None:
    await queue(live, {"kind": "delay", "ms": 300, "method": write.method, "path": write.path})
    with pytest.raises(httpx.ReadTimeout):
        await live.request(write.method, write.path, json=write.body, timeout=0.05)
    await eventually(write.took_effect)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 520])
async def test_answer_with_an_envelope(api: httpx.AsyncClient, account: Account, state: State, status: int) -> None:
    await queue(api, {"kind": "answer", "status": status})
    answer = await api.post(INCIDENTS, json=new_incident(account))
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert "retry-after" not in answer.headers
    assert not len(state.incidents)


async def test_answer_with_other_bodies(live: httpx.AsyncClient, account: Account) -> None:
    await queue(
        live,
        {"kind": "answer", "status": 503, "body": "string"},
        {"kind": "answer", "status": 520, "body": "html", "commit": True},
        {"kind": "answer", "body": "unreadable", "commit": True},
        {"kind": "answer", "body": "empty", "commit": True},
        {"kind": "answer", "status": 429, "body": "empty", "retry_after": 3},
    )
    text, html, broken, empty, limited = [await live.post(INCIDENTS, json=new_incident(account)) for _ in range(5)]
    assert text.headers["content-type"].startswith("text/plain")
    assert html.text.startswith("<!DOCTYPE html>")
    assert broken.status_code == 201
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        broken.json()
    assert (empty.status_code, empty.content) == (201, b"")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert await incidents(live) == 3
    assert [call["committed"] for call in await calls(live)] == [False, True, True, True, False]


async def test_reorder_makes_a_reader_of_pages_miss_one(api: httpx.AsyncClient, account: Account) -> None:
    for name in "abcd":
        await api.post(INCIDENTS, json=new_incident(account, name=name))
    await queue(api, {"kind": "reorder", "method": "GET", "skip": 1})
    first = (await api.get(INCIDENTS, params={"limit": 2})).json()
    second = (await api.get(INCIDENTS, params={"limit": 2, "nextId": first["nextId"]})).json()
    assert [one["name"] for one in first["entries"] + second["entries"]] == ["d", "c", "c", "b"]


async def test_a_lagging_list_shows_an_older_state(api: httpx.AsyncClient, account: Account, clock: Clock) -> None:
    await api.patch("/sandbox/settings", json={"list_lag_ms": 5_000})
    incident = f"{INCIDENTS}/{(await api.post(INCIDENTS, json=new_incident(account))).json()['id']}"
    assert (await api.get(INCIDENTS)).json()["length"] == 0
    assert (await api.get(f"{incident}/incident-updates")).json() == []
    assert (await api.get(incident)).status_code == 200
    clock.advance(5_000)
    await api.post(f"{incident}/incident-updates", json=update("RESOLVED"))
    assert [one["lastUpdateStatus"] for one in (await api.get(INCIDENTS)).json()["entries"]] == ["INVESTIGATING"]
    assert len((await api.get(f"{incident}/incident-updates")).json()) == 1
    clock.advance(5_000)
    assert [one["lastUpdateStatus"] for one in (await api.get(INCIDENTS)).json()["entries"]] == ["RESOLVED"]


async def test_without_a_connection_a_drop_is_an_exception(
    api: httpx.AsyncClient, account: Account, state: State
) -> None:
    await queue(api, {"kind": "drop", "commit": True})
    with pytest.raises(ConnectionDropped):
        await api.post(INCIDENTS, json=new_incident(account))
    assert len(state.incidents) == 1


async def test_the_log_of_calls(api: httpx.AsyncClient, account: Account, clock: Clock) -> None:
    body = new_incident(account)
    made = (await api.post(INCIDENTS, json=body)).json()
    await api.post(INCIDENTS, content=b"{not json")
    await api.get(INCIDENTS, params={"limit": 1})
    posted, refused, listed = await calls(api)
    assert posted == {
        "number": 1,
        "at": clock.at,
        "method": "POST",
        "path": INCIDENTS,
        "query": "",
        "request": body,
        "fault": None,
        "committed": True,
        "ended": True,
        "status": 201,
        "response": made,
    }
    assert (refused["number"], refused["request"], refused["status"], refused["committed"]) == (
        2,
        "{not json",
        400,
        False,
    )
    assert (listed["query"], listed["committed"], listed["status"]) == ("limit=1", False, 200)
