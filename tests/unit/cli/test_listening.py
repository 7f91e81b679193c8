"""Which addresses a server listens on."""

from __future__ import annotations

import errno
import socket

import pytest

from bridge.cli.errors import CommandError
from bridge.cli.listening import EVERYWHERE, listen

has_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this kernel has no IPv6")


def reached(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


@has_ipv6
@pytest.mark.parametrize(
    ("host", "by_ipv4", "by_ipv6", "shown"),
    [
        (EVERYWHERE, True, True, "127.0.0.1"),
        ("0.0.0.0", True, False, "127.0.0.1"),
        ("127.0.0.1", True, False, "127.0.0.1"),
        ("::1", False, True, "[::1]"),
        ("[::1]", False, True, "[::1]"),
        ("localhost", True, False, "localhost"),
    ],
)
def test_an_address_is_reached_by_its_families(host, by_ipv4, by_ipv6, shown):
    with listen(host, 0) as (listening, url):
        port = listening.getsockname()[1]
        assert (reached("127.0.0.1", port), reached("::1", port)) == (by_ipv4, by_ipv6)
        assert url == f"http://{shown}:{port}"


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_everywhere_is_ipv4(monkeypatch, number):
    if number == errno.EAFNOSUPPORT:
        refuse(monkeypatch, "__init__", number)
    else:
        refuse(monkeypatch, "bind", number)
    with listen(EVERYWHERE, 0) as (listening, _):
        assert listening.family == socket.AF_INET
        assert reached("127.0.0.1", listening.getsockname()[1])


def refuse(monkeypatch, method: str, number: int) -> None:
    """Let sockets be as on a kernel that refuses IPv6 there."""
    original = getattr(socket.socket, method)

    def refusing(self, *arguments, **options):
        family = (arguments or (None,))[0] if method == "__init__" else self.family
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6 here")
        return original(self, *arguments, **options)

    monkeypatch.setattr(socket.socket, method, refusing)


@pytest.mark.parametrize("host", [EVERYWHERE, "127.0.0.1"])
def test_a_port_that_is_taken_is_named(host):
    with listen(host, 0) as (taken, _), pytest.raises(CommandError, match=r"Address already in use.* Choose another"):
        listen(host, taken.getsockname()[1]).__enter__()


def test_a_name_that_nobody_knows_is_named():
    with pytest.raises(CommandError, match=r"Cannot listen on nowhere\.invalid port 0: "):
        listen("nowhere.invalid", 0).__enter__()
