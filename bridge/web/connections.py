"""How many connections a server keeps open at once, and which one makes room for another."""

from __future__ import annotations

import resource
from collections import OrderedDict
from typing import Final, Protocol

from bridge.telemetry import CONNECTIONS_CLOSED

AT_MOST: Final = 2_000  # each may hold a chunk that is not read yet: together they must fit into the memory of a pod
_WANTED_DESCRIPTORS: Final = 2 * AT_MOST


class Connection(Protocol):
    """One connection to this server."""

    @property
    def is_answering(self) -> bool:
        """Whether a request of it is being worked on."""
        ...

    def close_now(self) -> None:
        """Close it now, without an answer."""
        ...


class Connections:
    """At most ``limit`` open connections: a new one takes the place of the one that has been silent longest.

    A connection whose request is being worked on is never closed. If all are, the new one is.
    """

    def __init__(self, limit: int = AT_MOST) -> None:
        self._limit = limit
        self._idle_first: OrderedDict[Connection, None] = OrderedDict()  # the longest silent first

    def __len__(self) -> int:
        return len(self._idle_first)

    def opened(self, connection: Connection) -> None:
        """It was accepted; closes another, or it, if that is one too many."""
        self._idle_first[connection] = None
        if len(self._idle_first) > self._limit:
            silent = next(each for each in self._idle_first if each is connection or not each.is_answering)
            del self._idle_first[silent]
            CONNECTIONS_CLOSED.inc()
            silent.close_now()

    def received(self, connection: Connection) -> None:
        """Something came on it."""
        if connection in self._idle_first:
            self._idle_first.move_to_end(connection)

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._idle_first.pop(connection, None)


def connection_limit() -> int:
    """How many connections the process can afford, once it has as many file descriptors as it may have.

    At most half of them go to connections: Redis, Checkly and a burst that is accepted at once need the others.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < _WANTED_DESCRIPTORS:
        soft = _WANTED_DESCRIPTORS if hard == unlimited else min(hard, _WANTED_DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return AT_MOST if soft == unlimited else max(1, min(AT_MOST, soft // 2))
