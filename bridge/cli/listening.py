"""The socket a server listens on, taken before anything else starts."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from bridge.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

Port: TypeAlias = Annotated[int, Parameter(help="The port to listen on.", validator=Number(gte=0, lte=65535))]
Host: TypeAlias = Annotated[
    str, Parameter(help="The address to listen on; :: is every address, of IPv6 and IPv4, and 0.0.0.0 those of IPv4.")
]
EVERYWHERE: Final = "::"
_EVERY_IPV4 = "0.0.0.0"  # noqa: S104 - in containers, it is what to listen on
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_BACKLOG = 2048


@contextmanager
def listen(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and its URL for people on this machine; port 0 takes a free one. Raises CommandError.

    EVERYWHERE means every address of both families, or those of IPv4 alone where the kernel has no IPv6.
    """
    host = host.strip("[]")
    try:
        listening = _open(host, port)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CommandError(f"Cannot listen on {host} port {port}: {reason}. Choose another with --port.") from error
    with listening:
        shown = "127.0.0.1" if host in (EVERYWHERE, _EVERY_IPV4) else f"[{host}]" if ":" in host else host
        yield listening, f"http://{shown}:{listening.getsockname()[1]}"


def _open(host: str, port: int) -> socket.socket:
    if host == EVERYWHERE:
        try:
            return socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
        except ValueError:
            host = _EVERY_IPV4  # the kernel was built or started without IPv6
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            host = _EVERY_IPV4  # no interface may have an address of it
    if ":" in host:
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=_BACKLOG)
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except socket.gaierror:  # a name whose addresses are of IPv6 only
        return socket.create_server((host, port), family=socket.AF_INET6, backlog=_BACKLOG)
