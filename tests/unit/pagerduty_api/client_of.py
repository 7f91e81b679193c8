"""A client of the stand-in of PagerDuty, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from bridge.pagerduty_api.client import HOSTS, Client
from tests.servers.pagerduty import KEY

if TYPE_CHECKING:
    from tests.servers import PagerDuty


def client_of(pagerduty: PagerDuty, key: str = KEY) -> Client:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, said, body = pagerduty.answer(request.method, request.url.raw_path.decode(), headers, request.content)
        return httpx.Response(status, headers=said, stream=httpx.ByteStream(body))

    return Client(HOSTS["us"], key, transport=httpx.MockTransport(answer))
