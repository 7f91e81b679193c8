"""Proxies and certificate authorities, as the environment names them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import certifi
import httpx
import pytest

from bridge.config.network import Network, NetworkError, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKLY = "https://api.checklyhq.com"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "used"),
    [
        (CHECKLY, "HTTPS_PROXY"),
        ("http://bridge:8080", "HTTP_PROXY"),
        ("http://10.0.0.1:8080", "HTTP_PROXY"),
        ("http://[2001:db8::1]:8080", "HTTP_PROXY"),
        ("http://localhost:8080", ""),
        ("http://Localhost.:8080", ""),
        ("http://api.localhost", ""),
        ("http://127.0.0.1:8080", ""),
        ("http://127.8.9.1", ""),
        ("http://127.1:8080", ""),
        ("http://0.0.0.0:8080", ""),
        ("http://[::1]:8080", ""),
        ("http://[::]:8080", ""),
        ("http://[0:0:0:0:0:0:0:1]:8080", ""),
        ("http://[::ffff:127.0.0.1]:8080", ""),
    ],
)
def test_this_machine_is_never_asked_through_a_proxy(url, used):
    network = Network.from_environment({"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "ALL_PROXY": PROXY})
    assert network.proxy_name(url) == used


@pytest.mark.parametrize(
    ("no_proxy", "direct", "proxied"),
    [
        ("*", [CHECKLY, "https://[2001:db8::1]"], []),
        ("checklyhq.com", [CHECKLY, "https://checklyhq.com"], ["https://notchecklyhq.com"]),
        (".checklyhq.com", [CHECKLY], ["https://notchecklyhq.com"]),
        ("*.checklyhq.com", [CHECKLY], ["https://checklyhq.com.evil.example"]),
        ("CHECKLYHQ.com", [CHECKLY, "https://API.checklyhq.com."], []),
        ("api.checklyhq.com:443", [CHECKLY], ["https://api.checklyhq.com:8443"]),
        ("https://api.checklyhq.com", [CHECKLY], ["https://example.com"]),
        (" a.example ,\n api.checklyhq.com ", [CHECKLY, "https://a.example"], ["https://b.example"]),
        ("localhost,127.0.0.1,::1,[::1]", ["https://[::1]"], [CHECKLY, "https://[::2]"]),
        ("10.0.0.0/8,fd00::/8,.svc", ["https://10.9.8.7", "https://[fd12::1]", "https://x.svc"], ["https://11.0.0.1"]),
        ("fd07:b51a:cc66:f0::/64", ["https://[fd07:b51a:cc66:f0::9]"], ["https://[fd07:b51a:cc66:f1::9]", CHECKLY]),
        ("[2001:db8::1]:8443", ["https://[2001:db8::1]:8443"], ["https://[2001:db8::1]"]),
        ("2001:db8::1", ["https://[2001:DB8:0::1]"], ["https://[2001:db8::2]"]),
        ("::ffff:10.0.0.1,,10.0.0.0/99,[,:,/,::/x,%,:1", [], [CHECKLY, "https://10.0.0.2", "https://[2001:db8::1]"]),
        ("10.0.0.1.example", [], ["https://10.0.0.1"]),
        ("", [], [CHECKLY]),
    ],
)
def test_what_no_proxy_names_is_asked_directly(no_proxy, direct, proxied):
    network = Network.from_environment({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert [network.proxy_name(url) for url in direct] == [""] * len(direct)
    assert [network.proxy_name(url) for url in proxied] == ["HTTPS_PROXY"] * len(proxied)


@pytest.mark.parametrize(
    ("environment", "used"),
    [
        ({"ALL_PROXY": PROXY}, "ALL_PROXY"),
        ({"all_proxy": PROXY}, "ALL_PROXY"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": ""}, "HTTPS_PROXY"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, ""),
        ({"HTTP_PROXY": PROXY}, ""),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "*"}, "HTTPS_PROXY"),
    ],
)
def test_lower_case_goes_before_upper_case_and_empty_is_unset(environment, used):
    assert Network.from_environment(environment).proxy_name(CHECKLY) == used


@pytest.mark.parametrize(
    ("value", "url", "auth"),
    [
        (f"{PROXY}\n", PROXY, None),
        (" proxy.example:3128 ", PROXY, None),
        ("http://[2001:db8::1]:3128/", "http://[2001:db8::1]:3128/", None),
        ("https://user:p%40ss@proxy.example", "https://proxy.example", ("user", "p@ss")),
    ],
)
def test_a_proxy_may_be_spelled_in_several_ways(value, url, auth):
    proxy = Network(proxies={"HTTPS_PROXY": value.strip()}).options(CHECKLY)["proxy"]
    assert (proxy.url, proxy.auth) == (url, auth)


@pytest.mark.parametrize(
    "value",
    [
        "socks5://127.0.0.1:1080",
        "socks5h://proxy:1080",
        "socks4://proxy",
        "socks://proxy",
        "ftp://proxy",
        "http://",
        "http://:3128",
        "http://proxy:99999",
        "http://proxy:0",
        "http://proxy:port",
        "http://pro xy",
        "http://proxy:3128\nhttp://other:3128",
        "http://[::1:3128",
        "http://user:hunter2@",
        "http://xn--\xfc:1",
        "://",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_named_where_it_is_needed_without_its_value(name, value):
    network = Network(proxies={name: value})
    with pytest.raises(NetworkError, match=f"^{name} ") as caught:
        network.options(CHECKLY)
    assert "hunter2" not in str(caught.value)
    assert network.options("http://127.0.0.1:8080")["proxy"] is None


def test_certificates_come_from_the_file_the_folder_or_the_release(tmp_path):
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(b"")
    assert Network(ca_file=certifi.where(), ca_dir="/nope").trust().get_ca_certs()
    assert Network().trust().get_ca_certs()
    assert not Network(ca_dir=f"{tmp_path}:{folder}").trust().get_ca_certs()  # OpenSSL looks when it needs one


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "no certificate", "too long", "not a path"])
def test_a_file_without_certificates_is_named_before_anything_is_asked(tmp_path, kind):
    path = tmp_path / "ca.pem"
    match kind:
        case "folder":
            path.mkdir()
        case "empty":
            path.write_bytes(b"")
        case "no certificate":
            path.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        case "too long":
            path = path / ("x" * 300)
        case "not a path":
            path = "a\0b"
    with pytest.raises(NetworkError, match=r"^SSL_CERT_FILE: cannot read certificates from "):
        Network(ca_file=str(path)).options(CHECKLY)
    Network(ca_file=str(path)).options("http://127.0.0.1:8080")  # needs none


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.write_text(""), lambda path: path.mkdir()])
def test_a_folder_without_certificates_is_named(tmp_path, make):
    make(tmp_path / "certs")
    with pytest.raises(NetworkError, match=r"^SSL_CERT_DIR: "):
        Network(ca_dir=str(tmp_path / "certs")).options(CHECKLY)


def test_a_key_log_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(NetworkError, match=r"^SSLKEYLOGFILE: "):
        Network(key_log=str(tmp_path / "no" / "keys")).options(CHECKLY)


def test_a_client_asks_the_proxy_for_others_and_never_for_this_machine():
    with _server("proxy") as (proxy, asked), _server("bridge") as (bridge, answered):
        network = Network.from_environment({"HTTP_PROXY": proxy, "ALL_PROXY": proxy})
        for url in (f"{bridge}/near", "http://far.example/away"):
            assert httpx.get(url, **network.options(url)).is_success
    assert (asked, answered) == (["http://far.example/away"], ["/near"])


@pytest.mark.parametrize("host", ["", "example.com", "10.0.0.1", "localhost.example.com", "::2", "12.7"])
def test_other_machines_are_not_taken_for_this_one(host):
    assert not is_loopback(host)


@contextmanager
def _server(name: str) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that answers everything with 200; its address, and what it is asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], name=name)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()
