import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from bridge.checkly.client import BODY_LIMIT, Client
from bridge.checkly.errors import (
    ChecklyError,
    Gone,
    NotSent,
    RateLimited,
    Rejected,
    Unauthorized,
    UnknownOutcome,
)
from bridge.sandbox.errors import envelope
from bridge.telemetry import REGISTRY
from tests.unit.checkly.helpers import ACCOUNT, KEY, ClientFor

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PATH = "/v1/status-pages/incidents"


async def test_a_request_carries_key_account_and_an_honest_agent(client_for: ClientFor) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"id": "1"})

    assert await client_for(answer).request("POST", PATH, json={"a": "ü"}, params={"limit": 100}) == {"id": "1"}
    assert str(seen[0].url) == f"https://checkly.example{PATH}?limit=100"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].headers["x-checkly-account"] == ACCOUNT
    assert seen[0].headers["user-agent"].startswith("checkly-bridge/")
    assert seen[0].content == '{"a":"ü"}'.encode()


async def test_a_base_url_may_have_a_path() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    client = Client("http://localhost:1/checkly", KEY, ACCOUNT, timeout_ms=1_000, transport=httpx.MockTransport(answer))
    await client.request("GET", PATH)
    await client.close()
    assert seen == [f"http://localhost:1/checkly{PATH}"]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (httpx.Response(200, json=[1]), [1]),
        (httpx.Response(201, json={"a": None}), {"a": None}),
        (httpx.Response(204), None),
        (httpx.Response(202, content=b" \n"), None),
        (httpx.Response(299, json="ok"), "ok"),
    ],
)
async def test_any_2xx_is_success(client_for: ClientFor, answer: httpx.Response, result: object) -> None:
    assert await client_for(lambda _: answer).request("POST", PATH) == result


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Rejected),
        (400, Rejected),
        (401, Unauthorized),
        (402, Unauthorized),
        (403, Unauthorized),
        (408, UnknownOutcome),
        (404, UnknownOutcome),
        (409, UnknownOutcome),
        (410, UnknownOutcome),
        (413, Rejected),
        (422, Rejected),
        (429, RateLimited),
        (500, UnknownOutcome),
        (503, UnknownOutcome),
    ],
)
@pytest.mark.parametrize("body", [b"", b"busy", b"<html>", b'{"statusCode":1,"error":"x","message":"y"}'])
async def test_a_refusing_answer_becomes_its_class_whatever_its_body(
    client_for: ClientFor, status: int, kind: type[ChecklyError], body: bytes
) -> None:
    with pytest.raises(kind) as caught:
        await client_for(lambda _: httpx.Response(status, content=body)).request("POST", PATH)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert f"POST {PATH}: {status}" in caught.value.detail


@pytest.mark.parametrize("body", [b"<html>ok</html>", b'{"id": "1"', b"\xff", b"[" * 100_000])
async def test_an_unreadable_success_is_unknown(client_for: ClientFor, body: bytes) -> None:
    with pytest.raises(UnknownOutcome, match="201, but the body is not JSON"):
        await client_for(lambda _: httpx.Response(201, content=body)).request("POST", PATH)


async def test_a_damaged_compressed_success_is_unknown(client_for: ClientFor) -> None:
    answer = httpx.Response(201, stream=httpx.ByteStream(b"not gzip"), headers={"content-encoding": "gzip"})
    with pytest.raises(UnknownOutcome):
        await client_for(lambda _: answer).request("POST", PATH)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("[Errno 111] refused"), NotSent),
        (httpx.ConnectTimeout(""), NotSent),
        (httpx.PoolTimeout(""), NotSent),
        (httpx.ProxyError("407"), NotSent),
        (httpx.ReadTimeout(""), UnknownOutcome),
        (httpx.WriteTimeout(""), UnknownOutcome),
        (httpx.ReadError(""), UnknownOutcome),
        (httpx.WriteError(""), UnknownOutcome),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), UnknownOutcome),
        (httpx.LocalProtocolError("state"), UnknownOutcome),
        (ssl.SSLError("record layer failure"), UnknownOutcome),
        (ConnectionResetError(), UnknownOutcome),
        (TimeoutError(), UnknownOutcome),
    ],
)
async def test_a_failure_without_an_answer_is_unknown_unless_nothing_was_sent(
    client_for: ClientFor, failure: Exception, kind: type[ChecklyError]
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(kind) as caught:
        await client_for(fail).request("POST", PATH)
    assert caught.value.status is None


async def test_a_redirect_is_not_followed_and_names_the_setting(client_for: ClientFor) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(Rejected, match="CHECKLY_API_URL"):
        await client_for(answer).request("POST", PATH)
    assert seen == ["checkly.example"]


async def test_the_wish_of_a_429_is_kept(client_for: ClientFor) -> None:
    with pytest.raises(RateLimited) as caught:
        await client_for(lambda _: httpx.Response(429, headers={"Retry-After": "12"})).request("POST", PATH)
    assert caught.value.retry_after_ms == 12_000


async def test_no_detail_shows_the_key_the_account_or_our_text(client_for: ClientFor) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": f"{KEY} {ACCOUNT} said {request.content.decode()}"})

    with pytest.raises(Rejected) as caught:
        await client_for(echo).request("POST", PATH, json={"name": "Canary in the mine", "deep": [{"x": "canary too"}]})
    detail = caught.value.detail.lower()
    assert "canary" not in detail
    assert KEY not in detail
    assert ACCOUNT not in detail


async def test_a_detail_is_short_and_names_the_ray(client_for: ClientFor) -> None:
    with pytest.raises(Rejected) as caught:
        await client_for(lambda _: httpx.Response(400, text="x" * 5_000)).request("POST", PATH)
    assert len(caught.value.detail) == 300
    with pytest.raises(Rejected, match=r"cf-ray 8f-FRA"):
        await client_for(lambda _: httpx.Response(400, headers={"cf-ray": "8f-FRA"})).request("POST", PATH)


@pytest.mark.parametrize(("status", "kind"), [(200, UnknownOutcome), (422, Rejected)])
async def test_an_answer_has_a_size_limit(client_for: ClientFor, status: int, kind: type[ChecklyError]) -> None:
    bomb = gzip.compress(b" " * (BODY_LIMIT + 1))
    answer = httpx.Response(status, stream=httpx.ByteStream(bomb), headers={"content-encoding": "gzip"})
    with pytest.raises(kind):
        await client_for(lambda _: answer).request("GET", PATH)


async def test_a_few_bytes_of_an_answer_never_become_many(client_for: ClientFor) -> None:
    compress = zlib.compressobj(wbits=31)
    mebibyte = b" " * (1 << 20)
    bomb = b"".join([*(compress.compress(mebibyte) for _ in range(256)), compress.flush()])
    answer = httpx.Response(200, stream=httpx.ByteStream(bomb), headers={"content-encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(UnknownOutcome, match="larger than"):
            await client_for(lambda _: answer).request("GET", PATH)
        assert tracemalloc.get_traced_memory()[1] < 4 * BODY_LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "body"),
    [("identity", b'{"a": 1}'), ("gzip", gzip.compress(b'{"a": 1}')), ("deflate", zlib.compress(b'{"a": 1}'))],
    ids=["identity", "gzip", "deflate"],  # what is compressed holds the time
)
async def test_answers_are_asked_for_uncompressed_and_read_if_they_are_not(
    client_for: ClientFor, kind: str, body: bytes
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"content-encoding": kind})

    assert await client_for(answer).request("GET", PATH) == {"a": 1}


async def test_what_is_compressed_in_another_way_is_no_answer(client_for: ClientFor) -> None:
    answer = httpx.Response(200, stream=httpx.ByteStream(b"{}"), headers={"content-encoding": "br"})
    with pytest.raises(UnknownOutcome, match="asked not to be"):
        await client_for(lambda _: answer).request("GET", PATH)


async def test_an_answer_that_only_says_to_be_compressed_is_none(client_for: ClientFor) -> None:
    answer = httpx.Response(200, stream=httpx.ByteStream(b"{}"), headers={"content-encoding": "gzip"})
    with pytest.raises(UnknownOutcome, match="cannot be decompressed"):
        await client_for(lambda _: answer).request("GET", PATH)


class _Torn(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"message":'
        raise httpx.ReadError("reset")


async def test_a_status_that_arrived_counts_even_if_its_body_is_torn(client_for: ClientFor) -> None:
    with pytest.raises(Rejected):
        await client_for(lambda _: httpx.Response(422, stream=_Torn())).request("POST", PATH)
    with pytest.raises(UnknownOutcome):
        await client_for(lambda _: httpx.Response(201, stream=_Torn())).request("POST", PATH)


@pytest.mark.parametrize("status", [404, 410])
async def test_that_something_is_gone_is_for_checkly_to_say(client_for: ClientFor, status: int) -> None:
    with pytest.raises(Gone):
        await client_for(lambda _: httpx.Response(status, json=envelope(status))).request("POST", PATH)


async def test_a_guard_that_says_no_keeps_the_request_here(client_for: ClientFor) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    client = client_for(answer)
    with pytest.raises(NotSent):
        await client.request("POST", PATH, guard=lambda: False)
    assert seen == []
    await client.request("POST", PATH, guard=lambda: True)
    assert len(seen) == 1


async def test_every_request_is_counted_by_its_status(client_for: ClientFor) -> None:
    def value(name: str, **labels: str) -> float:
        registry: CollectorRegistry = REGISTRY
        return registry.get_sample_value(name, labels) or 0

    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    before = [value("bridge_page_requests_total", method="PATCH", code=code) for code in ("418", "0")]
    timed = value("bridge_page_request_duration_seconds_count", method="PATCH")
    with pytest.raises(Rejected):
        await client_for(lambda _: httpx.Response(418)).request("PATCH", PATH)
    with pytest.raises(NotSent):
        await client_for(fail).request("PATCH", PATH)
    after = [value("bridge_page_requests_total", method="PATCH", code=code) for code in ("418", "0")]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 1]
    assert value("bridge_page_request_duration_seconds_count", method="PATCH") - timed == 2


async def test_an_observer_hears_of_every_call_that_was_made(client_for: ClientFor) -> None:
    seen: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/refused":
                raise httpx.ConnectError("refused")
            case "/damaged":
                return httpx.Response(201, stream=httpx.ByteStream(b"not gzip"), headers={"content-encoding": "gzip"})
            case path:
                return httpx.Response(int(path[1:]), json={})

    client = client_for(answer, observe=seen.append)
    for path in ("/200", "/refused", "/404", "/damaged", "/503"):
        with suppress(ChecklyError):
            await client.request("GET", path)
    with pytest.raises(NotSent):
        await client.request("GET", "/200", guard=lambda: False)
    assert seen == [200, 0, 404, 0, 503]
