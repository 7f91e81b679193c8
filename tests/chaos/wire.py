"""HTTP as no client should speak it, over bare sockets. Each attack answers with what it heard."""

from __future__ import annotations

import gzip
import socket
import struct
import time
import zlib
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

WEBHOOKS = ("/webhooks/alertmanager", "/webhooks/pagerduty")
PATHS = (*WEBHOOKS, "/healthz", "/readyz", "/metrics", "/api/incidents", "/api/incidents/0ABCDEFGHJ", "/", "/nothing")
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "POST", "PROPFIND", "NONSENSE")
_ANSWER_S = 20.0
_QUIET_S = 0.3
_TOKEN = f"Authorization: Bearer {Bridge.alertmanager_token}\r\n"
_RESET = struct.pack("ii", 1, 0)  # linger: on, 0 s


def connect(port: int, source: str = "") -> socket.socket:
    """A connection to the bridge, from this address of the machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S, source_address=(source, 0))


def ask(port: int, request: bytes, *, patience_s: float = _ANSWER_S, source: str = "") -> bytes:
    """Send this and nothing more; all that comes back until the bridge hangs up, or says nothing for so long."""
    heard = b""
    with connect(port, source) as connection, suppress(OSError):
        with suppress(OSError):  # it may hang up before it has heard all; what it said can still be read
            connection.sendall(request)
        connection.settimeout(patience_s)
        while part := connection.recv(65_536):
            heard += part
    return heard


def head(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A well-formed request that asks to hang up afterwards."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bridge", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def malformed(port: int, rng: Random) -> Iterable[bytes]:
    """What is no HTTP, or just about."""
    requests = (
        *_MALFORMED,
        *(_POST + rest for rest in _MALFORMED_POSTS),
        *(_POST + b"Transfer-Encoding: chunked\r\n\r\n" + rest for rest in _MALFORMED_CHUNKS),
        *(rng.randbytes(rng.randrange(5_000)) for _ in range(20)),
    )
    return (ask(port, request, patience_s=_QUIET_S) for request in requests)


_POST = f"POST {WEBHOOKS[0]} HTTP/1.1\r\nHost: x\r\n{_TOKEN}".encode()
_GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
_MALFORMED = (
    *(b"\r\n" * 50, b"\x00" * 50, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\n\n", b"GET /\r\n"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n"),
    *(b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"),
    *(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
    b"A" * 10_000 + b" / HTTP/1.1\r\n\r\n",
    *(_GET + b"A b\r\n\r\n", _GET + b": x\r\n\r\n", _GET + b"A: \x00\r\n\r\n", _GET + b"A: b\r\n c\r\n\r\n"),
    _GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
    _GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
)  # fmt: skip
_MALFORMED_POSTS = (
    *(b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}", b"Content-Length: -1\r\n\r\n{}"),
    *(b"Content-Length: 99999999999999999999999\r\n\r\n{}", b"Content-Length: 9223372036854775807\r\n\r\n{}"),
    *(b"Content-Length: 0x10\r\n\r\n{}", b"Content-Length: +2\r\n\r\n{}", b"Transfer-Encoding: xchunked\r\n\r\n{}"),
    b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    *(b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"),
)  # fmt: skip
_MALFORMED_CHUNKS = (
    *(b"ffffffffffffffff\r\n", b"-1\r\n{}\r\n", b"2\r\n{}{}\r\n0\r\n\r\n", b"zz\r\n"),
    b"2;a=" + b"x" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
)


def places(port: int, rng: Random) -> Iterable[bytes]:
    """Every method on every path, and paths that are none."""
    incident = "/api/incidents/"
    odd = (
        "%00",
        "%2e%2e/",
        "..",
        "%ED%A0%80",
        "%FF",
        "a" * 5_000,
        "%0d%0aX:1",
        ";x=1",
        "?" + "q=1&" * 1_000,
        "0ABCDEFGHJ:facets",
    )
    admin = f"Authorization: Bearer {Bridge.admin_token}"
    for method in METHODS:
        for path in PATHS:
            yield ask(port, head(method, path))
    for each in odd:
        yield ask(port, head("GET", incident + each, admin))
        yield ask(port, head("POST", rng.choice(WEBHOOKS) + each, _TOKEN.strip()))


def floods(port: int, _jitter: Random) -> Iterable[bytes]:
    """Heads without end, or nearly."""
    yield ask(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (64 << 20))
    yield ask(port, b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 5_000_000)
    yield ask(port, b"GET /" + b"a" * (16 << 20))
    yield ask(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A" * (16 << 20))
    yield ask(port, head("GET", "/healthz", *(f"X-{n}: {n}" for n in range(1_000))))
    yield ask(port, head("POST", WEBHOOKS[1], *(f"X-PagerDuty-Signature: v1={n:064x}" for n in range(500))))
    yield ask(port, head("GET", "/healthz") * 5_000)
    yield ask(port, (_GET + b"\r\n") * 2_000, patience_s=2.0)


def encodings(port: int, _jitter: Random) -> Iterable[bytes]:
    """Compressed bodies: little that wants to be much."""
    bomb = b"0" * (64 << 20)
    packed = {
        "gzip": gzip.compress(bomb),
        "deflate": zlib.compress(bomb),
        "br": b"\x1b\xff\xff\xff",
        "zstd": b"\x28\xb5\x2f\xfd",
    }
    others = {
        "gzip, gzip": b"",
        "identity, gzip": b"",
        "GZIP": b"",
        "compress": b"",
        "*": b"",
        "": b"{}",
        "x" * 1_000: b"",
    }
    for path in WEBHOOKS:
        for encoding, body in {**packed, **others}.items():
            yield ask(port, head("POST", path, _TOKEN.strip(), f"Content-Encoding: {encoding}", body=body))


def endless(port: int, _jitter: Random) -> Iterable[bytes]:
    """Bodies that never end: larger than the limit by far, in pieces, with and without a right to be heard."""
    for authorization in (_TOKEN, ""):
        for path in WEBHOOKS:
            chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
            lines = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}"
            yield ask(port, lines.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 512)


def slow(port: int, rng: Random) -> Iterable[bytes]:
    """Clients that stall in their head or body, or vanish; meanwhile, others are answered."""
    half_heads = [f"POST {WEBHOOKS[0]} HTTP/1.1\r\nHost: x\r\n".encode()] * 100
    half_bodies = [head("POST", WEBHOOKS[0], _TOKEN.strip(), body=b" " * 100_000)[:-1]] * 50
    unread = [b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000] * 20
    with ExitStack() as held:
        connections = []
        for each in (*half_heads, *half_bodies, *unread):
            connection = held.enter_context(connect(port))
            connection.setblocking(False)
            with suppress(BlockingIOError):
                connection.send(each)
            connections.append(connection)
        for _ in range(10):
            time.sleep(_QUIET_S)
            for connection in connections[:100]:
                connection.send(b"X")
            yield ask(port, head("GET", "/healthz"))
        for connection in rng.sample(connections, len(connections) // 2):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
        yield ask(port, head("GET", "/readyz"))


def credentials(port: int, rng: Random) -> Iterable[bytes]:
    """What should open nothing."""
    tokens = (
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic",
        "Basic !",
        "Basic Og==",
        "Basic /////w==",
        "Digest a",
        "é",
        "x" * 50_000,
    )
    for token in tokens:
        for path in (*WEBHOOKS, "/api/incidents"):
            yield ask(port, head("GET" if path == "/api/incidents" else "POST", path, f"Authorization: {token}"))
    right = f"Bearer {Bridge.alertmanager_token}"
    for near in (right.upper(), right[:-1], f"{right}x", right.replace(" ", ""), f"{right},{right}", right[::-1]):
        yield ask(port, head("POST", WEBHOOKS[0], f"Authorization: {near}"))
    signatures = (
        "",
        "v1=",
        "v1=zz",
        "v2=" + "0" * 64,
        ",",
        ",".join(["v1=00"] * 5_000),
        "é",
        f"v1={rng.randbytes(32).hex()}",
    )
    for signature in signatures:
        yield ask(port, head("POST", WEBHOOKS[1], f"X-PagerDuty-Signature: {signature}", body=b"{}"))


def pipelined(port: int, _jitter: Random) -> Iterable[bytes]:
    """Six MiB of tiny requests on a hundred connections, whose answers nobody reads; meanwhile, others are answered."""
    tiny = b"GET /healthz HTTP/1.1\r\n\r\n"
    with ExitStack() as held:
        for _ in range(100):
            held.enter_context(connect(port)).sendall(tiny * (60_000 // len(tiny)))
        for _ in range(20):
            yield ask(port, head("GET", "/healthz"))


def announced(port: int, _jitter: Random) -> Iterable[bytes]:
    """Bodies that are announced and do not come, or stop before their end; meanwhile, deliveries are taken."""
    unsigned = f"POST {WEBHOOKS[1]} HTTP/1.1\r\nHost: x\r\n".encode()
    trusted = f"POST {WEBHOOKS[0]} HTTP/1.1\r\nHost: x\r\n{_TOKEN}".encode()
    chunk = b"Transfer-Encoding: chunked\r\n\r\nf00000\r\n" + b" " * 0xF00000
    with ExitStack() as held:
        connections = [held.enter_context(connect(port)) for _ in range(104)]
        for connection in connections[:64]:
            connection.sendall(unsigned + b"Content-Length: 262144\r\n\r\n")
        for connection in connections[64:96]:
            connection.sendall(unsigned + b"Content-Length: 262144\r\n\r\n" + b" " * 200_000)
        for connection in connections[96:]:
            with suppress(OSError):  # the first of them give way to the last
                connection.sendall(trusted + chunk)
        for _ in range(10):
            yield ask(port, head("POST", WEBHOOKS[1], body=b"{}"))
            yield ask(port, head("POST", WEBHOOKS[0], _TOKEN.strip(), body=_NOTHING))


_NOTHING = b'{"version":"4","status":"firing","alerts":[]}'


def idle(port: int, _jitter: Random) -> Iterable[bytes]:
    """More connections than the bridge has descriptors for, all silent; meanwhile, others are answered."""
    with ExitStack() as held:
        for n in range(2_500):
            connection = held.enter_context(connect(port))
            if n % 3 == 1:
                connection.sendall(b"POST ")
        for _ in range(20):
            yield ask(port, head("GET", "/healthz"))
            yield ask(port, head("GET", "/readyz"))


_KINDS = (credentials, places, encodings, floods, endless, malformed, slow, pipelined, announced, idle)
ATTACKS: dict[str, Callable[[int, Random], Iterable[bytes]]] = {each.__name__: each for each in _KINDS}


def statuses(heard: bytes) -> Sequence[int]:
    """The statuses of all answers in it."""
    return [int(each.split()[0]) for each in heard.split(b"HTTP/1.1 ")[1:]]
