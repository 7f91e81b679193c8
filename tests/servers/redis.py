"""Redis and Valkey, durable by default, as the bridge wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import programs
from tests.servers.process import Process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OPTIONS = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}


class Redis(Process):
    """A Redis server. ``options`` override the configuration, by its own names."""

    name = "redis-server"

    def __init__(self, directory: Path, *, port: int | None = None, **options: str) -> None:
        super().__init__(directory, port=port)
        self.options = _OPTIONS | {name.replace("_", "-"): value for name, value in options.items()}

    @property
    def url(self) -> str:
        """Its address for redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A client for the test's own looks and changes; close it (it is a context manager)."""
        return redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0))

    @property
    def commands(self) -> dict[str, int]:
        """How often it has carried out each command, those in scripts included."""
        with self.client() as client:
            counted = client.info("commandstats")
        return {name.removeprefix("cmdstat_"): each["calls"] for name, each in counted.items()}

    def command(self) -> Sequence[str | Path]:
        options = [part for name, value in self.options.items() for part in (f"--{name}", value)]
        return [programs.require(self.name), "--bind", "127.0.0.1", "--port", str(self.port), *options]

    def is_ready(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class Valkey(Redis):
    """A Valkey server: the installed one, or the one of the ``embedded`` extra."""

    name = "valkey-server"
