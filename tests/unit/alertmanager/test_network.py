"""A peer asked over real sockets: a real Alertmanager, TLS with a client's certificate, lists that are cut."""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
import trustme

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.core.healing.seen import PeerError
from tests.contracts.alertmanager import OLD, contract
from tests.servers import Alertmanager, alertmanager_cluster, free_ports
from tests.servers.alertmanager_stand_in import fingerprint

DATE = "Mon, 30 Nov 2026 21:13:48 GMT"
STATUS = b'{"cluster": {"status": "ready"}, "uptime": "2026-11-30T20:13:48.427Z"}'


@contextmanager
def serving(lists: bytes, *, promised: int | None = None, tls: ssl.SSLContext | None = None):
    """A server that answers a list so, of which it promised so many bytes; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = STATUS if self.path.endswith("/status") else lists
            self.send_response_only(200)
            self.send_header("Date", DATE)
            self.send_header("Content-Length", str(len(body) if body is STATUS else promised or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is expected
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_described(real: Alertmanager) -> dict[str, Any]:
    """Its status, once each of its answers is seen to be one that it describes."""
    for path in ("/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/status"):
        answer = httpx.get(real.url + path)
        found: dict[str, Any] = answer.json()
        contract(OLD).validate_response("GET", path, answer.status_code, found)
    return found


async def kind_of_failure(access: Access, **options) -> str:
    client = Client(access, **options)
    try:
        with pytest.raises(PeerError) as caught:
            await client.poll()
    finally:
        await client.close()
    return caught.value.kind


@pytest.mark.needs("alertmanager")
async def test_a_real_alertmanager_is_understood_and_answers_as_it_describes(tmp_path):
    with Alertmanager(tmp_path, webhook="http://127.0.0.1:1/", token="t") as real:
        real.alert(alertname="Down", job="shop")
        real.alert(alertname="Ünïcode", service="日本")
        status = as_described(real)
        client = Client(Access(url=real.url))
        poll = await client.poll()
        groups = await client.groups("bridge")
        others = await client.groups("bridg.")
        await client.close()
    assert poll.process == status["uptime"]
    assert poll.age_ms is not None
    assert poll.is_settled
    labels = [{"alertname": "Down", "job": "shop"}, {"alertname": "Ünïcode", "service": "日本"}]
    assert {name: each.labels for name, each in poll.alerts.items()} == {fingerprint(each): each for each in labels}
    assert {each.fingerprint for each in groups} == set(poll.alerts)
    assert others == []


@pytest.mark.needs("alertmanager")
async def test_two_real_peers_do_not_tell_each_other_of_alerts(tmp_path):
    with alertmanager_cluster(tmp_path, webhook="http://127.0.0.1:1/", token="t") as peers:
        peers[0].alert(alertname="Down")
        clients = [Client(Access(url=each.url)) for each in peers]
        polls = [await each.poll() for each in clients]
        for each in clients:
            await each.close()
    assert [len(each.alerts) for each in polls] == [1, 0]
    assert all(each.is_settled for each in polls)


async def test_nobody_at_the_address_is_unreachable():
    assert await kind_of_failure(Access(url=f"http://127.0.0.1:{free_ports(1)[0]}")) == "unreachable"


async def test_a_list_that_is_cut_is_not_understood_even_where_what_came_is_a_list():
    with serving(b"[]", promised=2000) as port:
        assert await kind_of_failure(Access(url=f"http://127.0.0.1:{port}")) == "not_understood"


async def test_a_list_that_does_not_come_is_given_up():
    with serving(b"", promised=2000) as port:
        assert await kind_of_failure(Access(url=f"http://127.0.0.1:{port}"), timeout_ms=1) == "timeout"


async def test_a_list_over_the_limit_is_not_read_to_its_end():
    with serving(b"[" + b" " * 200_000 + b"]") as port:
        access = Access(url=f"http://127.0.0.1:{port}")
        assert await kind_of_failure(access, limit=100_000) == "too_large"


async def test_tls_trusts_the_file_and_shows_the_certificate_and_takes_up_renewed_files(tmp_path):
    ours, theirs = trustme.CA(), trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(server)
    ours.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    mine = ours.issue_cert("bridge.example")
    mine.private_key_pem.write_to_path(key)
    mine.cert_chain_pems[0].write_to_path(cert)
    theirs.cert_pem.write_to_path(ca)
    with serving(b"[]", tls=server) as port:
        url = f"https://127.0.0.1:{port}"
        client = Client(Access(url=url, ca=str(ca), cert=str(cert), key=str(key)))
        with pytest.raises(PeerError, match=r"unreachable: .*certificate verify failed"):
            await client.poll()
        ours.cert_pem.write_to_path(ca)
        os.utime(ca, (1, 1))
        assert not (await client.poll()).alerts
        await client.close()
        assert await kind_of_failure(Access(url=url, ca=str(ca))) in {"unreachable", "not_understood"}
        assert await kind_of_failure(Access(url=url, ca=str(tmp_path / "none.pem"))) == "unreachable"
