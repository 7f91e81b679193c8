"""What the simulator's tests share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from tests.contracts.openapi import Contract

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import Account

INCIDENTS = "/v1/status-pages/incidents"
SERVICES = "/v1/status-pages/services"
START = 1_790_000_000_000
Found = TypeVar("Found")


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return self.at

    def advance(self, ms: int) -> None:
        self.at += ms


class Ids:
    """The UUIDs 1, 2, 3 and so on."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> str:
        return str(UUID(int=next(self._numbers)))


def key_of(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.api_key}", "X-Checkly-Account": account.uuid}


def contract_of(path: str) -> Contract:
    """The document that describes this path."""
    return Contract.v3() if path.startswith("/v3/") else Contract.v1()


async def check_request(request: httpx.Request) -> None:
    body = json.loads(request.content) if request.content else None
    contract_of(request.url.path).validate_request(request.method, request.url.path, body)


async def check_response(response: httpx.Response) -> None:
    await response.aread()
    body = response.json() if response.content else None
    path = response.request.url.path
    contract_of(path).validate_response(response.request.method, path, response.status_code, body)


async def eventually(look: Callable[[], Awaitable[Found]]) -> Found:
    """Call ``look`` again and again until it returns something true."""
    async with asyncio.timeout(30):
        while not (found := await look()):  # noqa: ASYNC110 - what is awaited happens in another process or thread
            await asyncio.sleep(0.01)
    return found


def service(account: Account, name: str) -> dict[str, str]:
    return {"id": account.derive("services", name), "name": name, "accountId": account.uuid}


def update(status: str = "INVESTIGATING", **changes: Any) -> dict[str, Any]:
    return {"description": "We are looking into it.", "status": status, "notifySubscribers": False, **changes}


def new_incident(account: Account, **changes: Any) -> dict[str, Any]:
    """A body that creates an incident on Checkout."""
    return {
        "name": "Checkout is degraded",
        "severity": "MAJOR",
        "services": [service(account, "Checkout")],
        "incidentUpdates": [update()],
        **changes,
    }
