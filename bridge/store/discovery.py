"""Which server has the bridge's keys now: the primary that Sentinels name, or the node that owns them in a cluster.

All keys are in one slot, so in a cluster, too, one server at a time has them all, and an ordinary client to that one
will do. redis-py's cluster client is for keys all over the cluster: it takes no script in a pipeline, and sends ASKING
over another connection than the command that it is for. Its pool for Sentinel would do, but reconnects once to the
server that is no more (redis-py issue 3874).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from redis import exceptions
from redis.asyncio import Connection, Redis, SSLConnection
from redis.exceptions import ClusterDownError, MovedError, ReadOnlyError

from bridge.store.errors import FAILURES
from bridge.store.pool import WaitingPool

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

ASK_AGAIN_S = 1.0

Address: TypeAlias = tuple[str, int]
Resolver: TypeAlias = Callable[[Redis, Address], Awaitable[Address]]


def primary_of(service: str) -> Resolver:
    """Asks a Sentinel; raises ConnectionError when it knows of no primary that is up."""

    async def ask(sentinel: Redis, _: Address) -> Address:
        state: Any = await sentinel.sentinel_master(service)
        if not state["is_master"] or state["is_sdown"] or state["is_odown"]:
            raise exceptions.ConnectionError("the primary is down")
        return state["ip"], state["port"]

    return ask


def owner_of(key: str) -> Resolver:
    """Asks a node of a cluster, for the key, as any client would; raises RedisError when it cannot tell."""

    async def ask(node: Redis, address: Address) -> Address:
        try:
            await node.exists(key)
        except MovedError as moved:
            return moved.host or address[0], moved.port  # no host: the same as this node's
        return address

    return ask


class Directory:
    """Whom to ask where the keys are, one after the other; who answered last is asked first."""

    def __init__(self, nodes: Mapping[Address, Redis], resolver: Resolver) -> None:
        self._nodes = list(nodes.items())
        self._resolver = resolver

    async def find(self) -> Address:
        """The server to connect to. Raises ConnectionError, with what was answered last, when nobody tells."""
        problem = ""
        for entry in tuple(self._nodes):
            address, node = entry
            try:
                found = await self._resolver(node, address)
            except FAILURES as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            self._nodes.remove(entry)
            self._nodes.insert(0, entry)
            return found
        raise exceptions.ConnectionError(f"no Sentinel or node knows the primary; the last one asked: {problem}")

    async def close(self) -> None:
        """Close the connections to those who are asked."""
        for _, node in self._nodes:
            await node.aclose()


class PrimaryPool(WaitingPool):
    """Connections to the server that a directory names.

    The directory is asked again every second. A primary that is replaced while it still runs takes writes until it is
    told of it, some ten seconds later, and forgets them then.
    """

    def __init__(self, directory: Directory, *, tls: bool, **options: Any) -> None:
        super().__init__(connection_class=_SSLConnection if tls else _Connection, find=self._find, **options)
        self._directory = directory
        self._found: Address | None = None
        self._asked_at = 0.0

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """See to it that a connection that is about to be used leads to the server. Called by the pool."""
        if self._found and asyncio.get_running_loop().time() - self._asked_at >= ASK_AGAIN_S:
            with suppress(exceptions.ConnectionError):  # nobody tells: it is the right one until it says otherwise
                await self._find()
        if isinstance(connection, _Connection) and (connection.host, connection.port) != self._found:
            await connection.disconnect()
        await super().ensure_connection(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py has it
        """Close the connections, and, with those in use, the directory's. Each is opened again when it is needed."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await self._directory.close()

    async def _find(self) -> Address:
        self._asked_at = asyncio.get_running_loop().time()
        self._found = await self._directory.find()
        return self._found


class _Connection(Connection):
    """Asks where to whenever it connects, and leaves a server that says it is not, or no longer, the one."""

    def __init__(self, *, find: Callable[[], Awaitable[Address]], **options: Any) -> None:
        super().__init__(**options)
        self._find = find

    async def _connect(self) -> None:
        self.host, self.port = await self._find()
        await super()._connect()  # type: ignore[no-untyped-call] # redis-py leaves it unannotated

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)
        except (ReadOnlyError, MovedError, ClusterDownError) as error:
            await self.disconnect()
            raise exceptions.ConnectionError(f"{type(error).__name__}: {error}") from error


class _SSLConnection(_Connection, SSLConnection):
    """The same over TLS."""
