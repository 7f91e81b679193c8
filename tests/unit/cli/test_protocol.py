from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from bridge.cli import protocol
from bridge.cli.protocol import HEAD_BYTES, BoundedHttp

DEADLINE = 20
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await PlainTextResponse("taken")(scope, receive, send)


@asynccontextmanager
async def connected(app=app):
    config, loop = uvicorn.Config(app, lifespan="off", log_config=None), asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttp(config, ServerState(), {}), "127.0.0.1", 0)
    async with asyncio.timeout(DEADLINE), server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
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
