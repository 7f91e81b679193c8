"""Two ways to give a client something to talk to: a function that answers, or the simulator of a Checkly account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from bridge.checkly.client import Client
from bridge.sandbox import Account, create_app
from tests.unit.checkly.helpers import ACCOUNT, KEY, ClientFor, Handler, Time

if TYPE_CHECKING:
    from bridge.sandbox.state import State


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
async def client_for() -> AsyncIterator[ClientFor]:
    """Clients whose requests a function answers."""
    clients = []

    def make(handler: Handler, **options: Any) -> Client:
        client = Client(
            "https://checkly.example",
            KEY,
            ACCOUNT,
            timeout_ms=5_000,
            transport=httpx.MockTransport(handler),
            **options,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def simulated(clock: Time) -> AsyncIterator[tuple[Client, State]]:
    """A client of the simulator's sample account, and what the simulator holds."""
    account = Account.sample()
    app = create_app(account, wall_ms=clock)
    transport = httpx.ASGITransport(app=app)
    client = Client("http://sandbox", account.api_key, account.uuid, timeout_ms=20_000, transport=transport)
    yield client, app.state.sandbox
    await client.close()
