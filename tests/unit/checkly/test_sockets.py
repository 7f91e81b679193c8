"""What real sockets do to a request, and whether the client can tell if it left."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bridge.checkly.client import Client
from bridge.checkly.errors import NotSent, Rejected, UnknownOutcome
from bridge.config.network import Network

PATH = "/v1/status-pages/incidents"
BODY = {"name": "outage"}
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(conversation: Conversation) -> AsyncIterator[str]:
    """A server on loopback that treats each connection as ``conversation`` says; gives its host and port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await conversation(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: its own affair
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def client_of(url: str, timeout_ms: int = 20_000, network: Network | None = None) -> AsyncIterator[Client]:
    client = Client(url, "key", "account", timeout_ms=timeout_ms, network=network or Network())
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def talking_to(
    conversation: Conversation, *, scheme: str = "http", timeout_ms: int = 20_000
) -> AsyncIterator[Client]:
    """A client of such a server."""
    async with serving(conversation) as address, client_of(f"{scheme}://{address}", timeout_ms) as client:
        yield client


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
    return head + await reader.readexactly(int(fields.get("content-length", "0")))


def answer(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d Word\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def reset(writer: asyncio.StreamWriter) -> None:
    """Make the coming close a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_connection_is_used_again() -> None:
    connections = []

    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while True:
            await read_request(reader)
            writer.write(answer(200))

    async with talking_to(polite) as client:
        assert [await client.request("POST", PATH, json=BODY) for _ in range(3)] == [{}] * 3
    assert len(connections) == 1


async def test_a_refused_connection_counts_as_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: the port stays ours and refuses
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client_of(url) as client:
            with pytest.raises(NotSent):
                await client.request("POST", PATH, json=BODY)


async def test_an_unknown_host_is_not_sent() -> None:
    async with client_of("https://checkly.invalid") as client:
        with pytest.raises(NotSent):
            await client.request("POST", PATH, json=BODY)


async def test_a_failed_tls_handshake_is_not_sent() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(400))

    async with talking_to(plain, scheme="https") as client:
        with pytest.raises(NotSent):
            await client.request("POST", PATH, json=BODY)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 407 No\r\n\r\n", b"HTTP/1.1 200 Established\r\n\r\n"])
async def test_what_only_a_proxy_saw_is_not_sent(reply: bytes) -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)

    async with serving(proxy) as address:
        network = Network(proxies={"HTTPS_PROXY": f"http://{address}"})
        async with client_of("https://checkly.invalid", network=network) as client:
            with pytest.raises(NotSent):
                await client.request("POST", PATH, json=BODY)
    assert seen[0].startswith(b"CONNECT checkly.invalid:443 ")
    assert b"Bearer" not in seen[0]


async def test_a_deadline_that_passes_during_the_handshake_is_not_sent() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking_to(silent, scheme="https", timeout_ms=200) as client:
        with pytest.raises(NotSent):
            await client.request("POST", PATH, json=BODY)


async def test_a_deadline_that_passes_after_the_request_is_unknown() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async with talking_to(silent, timeout_ms=200) as client:
        with pytest.raises(UnknownOutcome, match="no complete answer within 200 ms"):
            await client.request("POST", PATH, json=BODY)


async def test_a_call_can_have_a_nearer_deadline_but_no_later_one() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking_to(silent, timeout_ms=200) as client:
        for asked_ms, given_ms in ((100, 100), (20_000, 200)):
            with pytest.raises(UnknownOutcome, match=f"no complete answer within {given_ms} ms"):
                await client.request("POST", PATH, json=BODY, timeout_ms=asked_ms)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"])
async def test_a_reset_after_the_request_is_unknown(sent: bytes) -> None:
    async def torn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(sent)
        await writer.drain()
        reset(writer)

    async with talking_to(torn) as client:
        with pytest.raises(UnknownOutcome):
            await client.request("POST", PATH, json=BODY)


async def test_an_orderly_close_without_an_answer_is_unknown() -> None:
    """What a keep-alive connection looks like that the server ends just as the next request goes out."""
    requests = []

    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(answer(200))
        requests.append(await read_request(reader))

    async with talking_to(one_answer) as client:
        await client.request("POST", PATH, json=BODY)
        with pytest.raises(UnknownOutcome):
            await client.request("POST", PATH, json=BODY)
    assert len(requests) == 2


@pytest.mark.parametrize(("status", "kind"), [(201, UnknownOutcome), (422, Rejected)])
async def test_a_body_that_drips_meets_the_deadline(status: int, kind: type[Exception]) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(status, b" " * 100)[:-100])
        for _ in range(98):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)  # each byte is in time, the whole is not
        writer.write(b"{}")

    async with talking_to(drip, timeout_ms=300) as client:
        with pytest.raises(kind):
            await client.request("POST", PATH, json=BODY)


async def test_the_guard_is_asked_again_when_the_connection_stands() -> None:
    received = bytearray()
    ended = asyncio.Event()
    answers = iter([True, False])

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.extend(await reader.read())
        ended.set()

    async with talking_to(listen) as client:
        with pytest.raises(NotSent, match="lost"):
            await client.request("POST", PATH, json=BODY, guard=lambda: next(answers))
        await asyncio.wait_for(ended.wait(), 20)
    assert received == b""


async def test_the_guard_is_asked_once_more_before_the_body() -> None:
    received = bytearray()
    ended = asyncio.Event()
    answers = iter([True, True, False])

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.extend(await reader.read())
        ended.set()

    async with talking_to(listen) as client:
        with pytest.raises(NotSent, match="lost"):
            await client.request("POST", PATH, json=BODY, guard=lambda: next(answers))
        await asyncio.wait_for(ended.wait(), 20)
    assert received.endswith(b"\r\n\r\n"), "a head without its body, which no server acts on"


async def test_a_refused_write_leaves_the_client_usable() -> None:
    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer(200))

    answers = iter([*[True] * 3, True, False, *[True] * 3])
    async with talking_to(polite) as client:
        await client.request("POST", PATH, json=BODY, guard=lambda: next(answers))
        with pytest.raises(NotSent):
            await client.request("POST", PATH, json=BODY, guard=lambda: next(answers))
        assert await client.request("POST", PATH, json=BODY, guard=lambda: next(answers)) == {}
