"""The socket a server listens on, taken before anything else starts."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from bridge.cli.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

Port: TypeAlias = Annotated[int, Parameter(help="The port to listen on.", validator=Number(gte=0, lte=65535))]
_BACKLOG = 2048


@contextmanager
def listen(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and its URL for people on this machine; port 0 takes a free one. Failure when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise Failure(f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with --port.") from error
    with listening:
        # S104 warns of listening everywhere; this only shows an address that a person can open.
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        yield listening, f"http://{shown}:{listening.getsockname()[1]}"
