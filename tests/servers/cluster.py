"""A Redis Cluster of three primaries, between which the bridge's slot can be moved."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import MovedError

from tests.servers.process import Group, eventually, free_ports
from tests.servers.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import redis

SLOT = key_slot(b"{0}")
_NODES = 3


class Cluster(Group):
    """``options`` are those of the nodes."""

    name = Redis.name

    def __init__(self, directory: Path, **options: Any) -> None:
        cluster = {"cluster_enabled": "yes", "cluster_node_timeout": "2000"} | options
        self._bus_ports = free_ports(_NODES)
        self.nodes = [
            Redis(directory / f"node-{number}", cluster_port=str(port), **cluster)
            for number, port in enumerate(self._bus_ports)
        ]
        self._met = False

    @property
    def url(self) -> str:
        """Its address for the bridge."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    @property
    def owner(self) -> Redis:
        """The node that has the bridge's slot."""
        try:
            _do(self.nodes[0], "EXISTS", "{0}")
        except MovedError as moved:
            return next(node for node in self.nodes if node.port == moved.port)
        return self.nodes[0]

    def client(self) -> redis.Redis:
        """A client of the node that has the bridge's slot, for the test's own looks and changes."""
        return self.owner.client()

    def start(self) -> Self:
        """Start all nodes that do not run, and wait until they serve every slot."""
        for node in self.nodes:
            if not node.runs:
                node.start()
        if not self._met:
            self._meet()
        eventually(self._is_settled, "the cluster to be up")
        return self

    def stop(self) -> None:
        """Stop all nodes."""
        with ExitStack() as stopping:
            for node in self.nodes:
                stopping.callback(node.stop)

    def crash(self) -> None:
        """Kill the node that has the bridge's slot, and start it again; nobody takes its place."""
        self.owner.kill()
        self.start()

    def open_slot(self, source: Redis, target: Redis) -> None:
        """Begin to move the bridge's slot from its owner to another node."""
        _do(target, "CLUSTER", "SETSLOT", SLOT, "IMPORTING", _id(source))
        _do(source, "CLUSTER", "SETSLOT", SLOT, "MIGRATING", _id(target))

    def move(self) -> None:
        """Move the bridge's slot to another node."""
        source = self.owner
        target = next(node for node in self.nodes if node is not source)
        self.open_slot(source, target)
        self.close_slot(source, target)

    def keys(self, node: Redis) -> list[bytes]:
        """The keys of the bridge's slot that this node has."""
        keys: list[bytes] = _do(node, "CLUSTER", "GETKEYSINSLOT", SLOT, 1_000_000)
        return sorted(keys)

    def move_keys(self, source: Redis, target: Redis, keys: Sequence[bytes]) -> None:
        """Move keys of a slot that is open between the two."""
        for key in keys:
            _do(source, "MIGRATE", "127.0.0.1", target.port, key, 0, 5_000)

    def close_slot(self, source: Redis, target: Redis) -> None:
        """Move what is left, and make the target the owner."""
        self.move_keys(source, target, self.keys(source))
        for node in (target, source, *self.nodes):
            _do(node, "CLUSTER", "SETSLOT", SLOT, "NODE", _id(target))

    def _meet(self) -> None:
        share = -(-REDIS_CLUSTER_HASH_SLOTS // _NODES)
        for number, (node, bus_port) in enumerate(zip(self.nodes, self._bus_ports, strict=True)):
            last = min((number + 1) * share, REDIS_CLUSTER_HASH_SLOTS) - 1
            _do(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            _do(node, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
            _do(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port, bus_port)
        self._met = True

    def _is_settled(self) -> bool:
        for node in self.nodes:
            info = _do(node, "CLUSTER", "INFO").split()
            assert {b"cluster_state:ok", b"cluster_known_nodes:%d" % _NODES} <= {*info}, info
        return True


def _id(node: Redis) -> bytes:
    identity: bytes = _do(node, "CLUSTER", "MYID")
    return identity


def _do(node: Redis, *command: Any) -> Any:
    with node.client() as client:
        return client.execute_command(*command)
