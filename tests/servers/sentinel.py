"""A primary with two replicas, and three Sentinels that put a replica in its place when it dies."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import redis

from tests.servers import programs
from tests.servers.process import Group, eventually
from tests.servers.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVICE = "bridge"
_DOWN_AFTER_MS = 1_500


class _Configured(Redis):
    """A Redis that runs on a file, so that what Sentinel makes of it outlives a restart."""

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self._file = directory / "redis.conf"
        settings = {"bind": "127.0.0.1", "port": self.port, "repl-diskless-sync-delay": 0, **self.options}
        self._file.write_text("".join(f'{name} "{value}"\n' for name, value in settings.items()))

    def command(self) -> Sequence[str | Path]:
        return [programs.require(self.name), self._file]

    def demote(self, primary: Redis) -> None:
        """Become a replica now, sooner than a Sentinel would say so."""
        with self.client() as client:
            client.replicaof("127.0.0.1", primary.port)

    def follow(self, primary: Redis) -> None:
        """Start as a replica the next time."""
        with self._file.open("a") as file:
            file.write(f"replicaof 127.0.0.1 {primary.port}\n")


class Sentinel(Redis):
    """One that watches; it knows of the others and of the replicas by itself."""

    def __init__(self, directory: Path, primary: Redis) -> None:
        super().__init__(directory)
        watch = f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2\n"
        times = f"sentinel down-after-milliseconds {SERVICE} {_DOWN_AFTER_MS}\n"
        times += f"sentinel failover-timeout {SERVICE} 10000\n"
        (directory / "sentinel.conf").write_text(f"bind 127.0.0.1\nport {self.port}\n{watch}{times}")

    def command(self) -> Sequence[str | Path]:
        return [programs.require(self.name), "sentinel.conf", "--sentinel"]

    def state(self) -> dict[str, Any]:
        """What it knows of the primary."""
        with self.client() as client:
            state: dict[str, Any] = client.sentinel_master(SERVICE)
        return state


class SentinelSet(Group):
    """``options`` are those of the servers."""

    name = Redis.name

    def __init__(self, directory: Path, **options: Any) -> None:
        self.servers = [_Configured(directory / f"redis-{number}", **options) for number in range(3)]
        first, *others = self.servers
        for server in others:
            server.follow(first)
        self.sentinels = [Sentinel(directory / f"sentinel-{number}", first) for number in range(3)]

    @property
    def url(self) -> str:
        """Its address for the bridge."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def primary(self) -> _Configured:
        """The server that the Sentinels agree to be the primary."""
        ports = {sentinel.state()["port"] for sentinel in self.sentinels}
        assert len(ports) == 1, ports
        return next(server for server in self.servers if server.port in ports)

    def client(self) -> redis.Redis:
        """A client of the primary, for the test's own looks and changes."""
        return self.primary.client()

    def start(self) -> Self:
        """Start all that do not run, and wait until a failover would work."""
        for process in (*self.servers, *self.sentinels):
            if not process.runs:
                process.start()
        eventually(self._is_settled, "the Sentinels to know everybody")
        return self

    def stop(self) -> None:
        """Stop all servers, the Sentinels first, so that they put nobody in the place of the primary."""
        with ExitStack() as stopping:
            for process in (*self.servers, *self.sentinels):
                stopping.callback(process.stop)

    def crash(self) -> None:
        """Kill the primary, wait until a replica is in its place, and let it come back as a replica."""
        old = self.primary
        old.kill()
        eventually(lambda: self.primary is not old, "a failover")
        old.follow(self.primary)
        self.start()

    def switch(self) -> None:
        """Have the Sentinels put a replica in the place of the primary, which goes on running."""
        old = self.primary
        eventually(self._takes_the_order, "the Sentinels to find a replica fit")
        eventually(lambda: self.primary is not old, "a failover")

    def _takes_the_order(self) -> bool:
        with self.sentinels[0].client() as sentinel:
            try:
                sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
            except redis.ResponseError as error:  # NOGOODSLAVE until it has heard from the replicas lately
                raise AssertionError(str(error)) from error
        return True

    def _is_settled(self) -> bool:
        states = [sentinel.state() for sentinel in self.sentinels]
        seen = [(state["is_sdown"], state["num-slaves"], state["num-other-sentinels"]) for state in states]
        assert seen == [(False, 2, 2)] * 3, seen
        with self.client() as client:
            info = client.info("replication")
        assert [info.get(f"slave{number}", {}).get("state") for number in (0, 1)] == ["online"] * 2, info
        return True
