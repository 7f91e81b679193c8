from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from bridge.web import protocol
from bridge.web.connections import Connections
from bridge.web.protocol import HEAD_BYTES, PIPELINED_BYTES, BoundedHttp

DEADLINE = 20
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await PlainTextResponse("taken")(scope, receive, send)


@asynccontextmanager
async def serving(app=app, *, limit=100):
    """The address of a server, and its connections."""
    config, loop = uvicorn.Config(app, lifespan="off", log_config=None), asyncio.get_running_loop()
    connections = Connections(limit)
    server = await loop.create_server(
        lambda: BoundedHttp(config, ServerState(), {}, connections=connections), "127.0.0.1", 0
    )
    async with asyncio.timeout(DEADLINE), server:
        yield server.sockets[0].getsockname(), connections


@asynccontextmanager
async def connected(app=app):
    async with serving(app) as (address, _):
        reader, writer = await asyncio.open_connection(*address)
        yield reader, writer
        writer.close()


@pytest.mark.parametrize("part", [b"a", b"\r\nA: b"])
async def test_a_head_without_end_is_refused(part):
    async with connected() as (reader, writer):
        writer.write(HEAD + b"A: ")
        for _ in range(10):  # as much as fits into the buffers of both sides, and more
            writer.write(part * (HEAD_BYTES // len(part)))
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")


async def test_a_body_is_none_of_its_business_nor_is_the_next_head_counted_with_it():
    body = b"x" * (3 * HEAD_BYTES)
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with connected() as (reader, writer):
        for _ in range(3):
            for start in range(0, len(request), 50_000):
                writer.write(request[start : start + 50_000])
                await writer.drain()
            assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")


async def test_each_head_is_counted_for_itself():
    large = b"A: " + b"x" * (HEAD_BYTES // 2)
    async with connected() as (reader, writer):
        for _ in range(4):
            for part in (HEAD + large, b"\r\nContent-Length: 0\r\n\r\n"):
                writer.write(part)
                await asyncio.sleep(0.02)  # or else both may be read at once, which proves nothing
            assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"Content-Length: 0\r\n\r\n" + HEAD])
async def test_a_head_that_does_not_come_in_time_is_not_waited_for(sent, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    async with connected() as (reader, writer):
        writer.write(sent)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200") is (b"Content-Length" in sent)


LENGTH = b"Content-Length: 2\r\n\r\n"


async def test_a_body_that_does_not_come_in_time_is_refused_and_its_place_is_free(monkeypatch):
    monkeypatch.setattr(protocol, "BODY_S", 0.05)
    left = asyncio.Event()

    async def waiting(_scope, receive, _send):
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async with connected(waiting) as (reader, writer):
        writer.write(HEAD + LENGTH + b"{")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"error":"too_slow"' in answer
        assert b"nosniff" in answer
        await left.wait()


async def test_a_body_that_stops_does_not_disturb_an_answer_that_has_begun(monkeypatch):
    monkeypatch.setattr(protocol, "BODY_S", 0.05)

    async def never_ending(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.Event().wait()

    async with connected(never_ending) as (reader, writer):
        writer.write(HEAD + LENGTH + b"{")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert b" 503 " not in answer


async def test_a_body_that_stops_waits_for_the_answer_to_the_request_before_it(monkeypatch):
    monkeypatch.setattr(protocol, "BODY_S", 0.05)
    proceed = asyncio.Event()

    async def slow(scope, receive, send):
        await proceed.wait()
        await app(scope, receive, send)

    async with connected(slow) as (reader, writer):
        writer.write(HEAD + LENGTH + b"{}")
        writer.write(HEAD + LENGTH + b"{")
        await asyncio.sleep(0.2)
        proceed.set()
        assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")


async def test_a_body_that_comes_in_time_may_come_in_parts(monkeypatch):
    async with connected() as (reader, writer):
        for _ in range(2):
            for part in (HEAD + LENGTH, b"{", b"}"):
                writer.write(part)
                await asyncio.sleep(0.02)  # or else they may be read at once, which proves nothing
            assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(protocol, "BODY_S", 0.01)
        await asyncio.sleep(0.05)
        writer.write(HEAD + LENGTH + b"{}")
        assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")


async def test_after_an_answer_a_connection_may_rest(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
            assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.1)


TINY = b"GET / HTTP/1.1\r\n\r\n"


async def test_of_many_pipelined_requests_few_are_begun_or_parsed_before_their_turn():
    count_begun, begun, proceed = [], asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        count_begun.append(scope["path"])
        begun.set()
        await proceed.wait()
        await app(scope, receive, send)

    parsed = []
    original = BoundedHttp.on_headers_complete

    def counting(self):
        parsed.append(self)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoundedHttp, "on_headers_complete", counting)
        async with connected(slow) as (reader, writer):
            count = PIPELINED_BYTES // len(TINY)
            writer.write(TINY * count)
            await writer.drain()
            await begun.wait()
            await asyncio.sleep(0.05)  # nothing more may happen
            assert len(count_begun) == 1
            assert len(parsed) <= 3
            proceed.set()
            for _ in range(count):
                assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
async def test_who_pipelines_more_than_is_kept_is_cut_off(line_end):
    never = asyncio.Event()

    async def slow(_scope, _receive, _send):
        await never.wait()

    async with connected(slow) as (reader, writer):
        writer.write(TINY.replace(b"\r\n", line_end) * (8 * PIPELINED_BYTES // len(TINY)))
        with suppress(ConnectionError):
            assert await reader.read() == b""
        never.set()


@pytest.mark.parametrize("size", [0, 1, 2, 5, 1000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_pipelined_requests_are_answered_each_however_they_are_cut(size, chunked):
    bodies = []

    async def keeping(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body")
        bodies.append(body)
        await PlainTextResponse("taken")(scope, receive, send)

    wanted = [b"{\r\n\r\n%d}" % n for n in range(20)]
    if chunked:
        requests = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(b), b) for b in wanted]
    else:
        requests = [HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in wanted]
    everything = b"".join(requests)
    async with connected(keeping) as (reader, writer):
        for start in range(0, len(everything), size or len(everything)):
            writer.write(everything[start : start + (size or len(everything))])
            await writer.drain()
            if size > 1:
                await asyncio.sleep(0)
        for _ in wanted:
            assert (await reader.readuntil(b"taken")).startswith(b"HTTP/1.1 200")
    assert bodies == wanted


async def test_the_connection_that_was_silent_longest_makes_room_for_a_new_one():
    async with serving(limit=2) as (address, connections):
        first, second = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in (second, first):
            writer.write(TINY)
            await reader.readuntil(b"taken")
        third = await asyncio.open_connection(*address)
        assert await second[0].read() == b""
        second[1].close()
        for reader, writer in (first, third):
            writer.write(TINY)
            await reader.readuntil(b"taken")
            writer.close()
        assert len(connections) <= 2


async def test_a_connection_that_is_being_answered_keeps_its_place():
    proceed, begun = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        begun.set()
        await proceed.wait()
        await app(scope, receive, send)

    async with serving(slow, limit=1) as (address, _):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(TINY)
        await begun.wait()
        late, its_writer = await asyncio.open_connection(*address)
        assert await late.read() == b""
        proceed.set()
        await reader.readuntil(b"taken")
        writer.close()
        its_writer.close()


async def test_who_does_not_read_an_answer_loses_the_connection(monkeypatch):
    monkeypatch.setattr(protocol, "ANSWER_S", 0.05)
    disconnected = asyncio.Event()

    async def large(scope, receive, send):
        await PlainTextResponse("x" * (32 << 20))(scope, receive, send)
        while (await receive())["type"] != "http.disconnect":
            pass
        disconnected.set()

    async with connected(large) as (_reader, writer):
        writer.write(TINY)
        await disconnected.wait()
