from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from bridge.sandbox import Account, create_app
from tests.unit.sandbox.helpers import Clock, Ids, check_request, check_response, key_of

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from bridge.sandbox.state import State


@pytest.fixture
def account() -> Account:
    return Account.sample()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(account: Account, clock: Clock) -> Starlette:
    return create_app(account, clock, Ids())


@pytest.fixture
def state(app: Starlette) -> State:
    """What the simulator behind ``api`` holds."""
    found: State = app.state.sandbox
    return found


@pytest.fixture
async def api(app: Starlette, account: Account) -> AsyncIterator[httpx.AsyncClient]:
    """A client, with a key, of the simulator in this process."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://checkly", headers=key_of(account)) as client:
        yield client


@pytest.fixture
def checked(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """``api``, with every request and response held against Checkly's OpenAPI documents."""
    api.event_hooks = {"request": [check_request], "response": [check_response]}
    return api


@pytest.fixture(params=[("httptools", "uvloop"), ("h11", "asyncio")], ids="-".join)
def server(request: pytest.FixtureRequest, account: Account) -> Iterator[str]:
    """The simulator on a real server; yields its URL."""
    http, loop = request.param
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            create_app(account), http=http, loop=loop, ws="none", log_config=None, timeout_graceful_shutdown=1
        )
        instance = uvicorn.Server(config)
        thread = threading.Thread(target=instance.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        instance.should_exit = True
        thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
async def live(server: str, account: Account) -> AsyncIterator[httpx.AsyncClient]:
    """A client, with a key, of the simulator on a real server."""
    async with httpx.AsyncClient(base_url=server, headers=key_of(account), timeout=30) as client:
        yield client
