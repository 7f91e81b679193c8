"""Connections to Redis: a call waits for one to be free, at little cost where one is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection


class WaitingPool(ConnectionPool):
    """A pool of at most ``max_connections``: who finds none free waits for one, in turn, for ``timeout`` seconds.

    redis-py's ``BlockingConnectionPool`` does the same, and takes a condition and a timer for each command.
    """

    def __init__(self, *, max_connections: int, timeout: float, **options: Any) -> None:
        super().__init__(max_connections=max_connections, **options)
        self._free = asyncio.Semaphore(max_connections)
        self._timeout = timeout

    async def get_connection(self, *_: Any, **__: Any) -> AbstractConnection:
        """A connection that is ready for a command. Raises redis-py's ConnectionError when none became free."""
        if self._free.locked():
            try:
                async with asyncio.timeout(self._timeout):
                    await self._free.acquire()
            except TimeoutError:
                raise RedisConnectionError("no connection became free") from None
        else:
            await self._free.acquire()  # at once
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call] # redis-py leaves it unannotated
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        try:
            await super().release(connection)
        finally:
            self._free.release()
