"""The clients of all peers that the configuration names, each with its credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.alertmanager.client import Client
from bridge.alertmanager.http import Access
from bridge.config.environment import SettingsError, secret_of
from bridge.core.healing.seen import PeerError

if TYPE_CHECKING:
    from bridge.config.environment import Secret
    from bridge.config.healing import Cluster
    from bridge.config.network import Network
    from bridge.core.healing.missed import InGroup
    from bridge.core.healing.seen import Poll


class Peers:
    """Asks any peer of any cluster; ``environment`` has their credentials, whose files are read anew when refused."""

    def __init__(self, environment: Mapping[str, str], network: Network) -> None:
        self._environment = environment
        self._network = network
        self._clients: dict[tuple[str, str], tuple[Cluster, Client]] = {}

    async def poll(self, cluster: Cluster, url: str) -> Poll:
        """What the peer lists. Raises PeerError."""
        try:
            return await (await self.client(cluster, url)).poll()
        except PeerError as error:
            if error.kind == "refused":
                await self._forget(cluster.name, url)
            raise

    async def groups(self, cluster: Cluster, url: str) -> Sequence[InGroup]:
        """What the peer holds for our receiver. Raises PeerError."""
        return await (await self.client(cluster, url)).groups(cluster.receiver)

    async def client(self, cluster: Cluster, url: str) -> Client:
        """The client of a peer as the configuration says now. Raises PeerError where it has no credentials."""
        known = self._clients.get((cluster.name, url))
        if known is not None and known[0] == cluster:
            return known[1]
        await self._forget(cluster.name, url)
        access = Access(
            url=url,
            credentials=self._credentials(cluster),
            headers=cluster.headers,
            ca=cluster.ca or "",
            cert=cluster.cert or "",
            key=cluster.key or "",
        )
        client = Client(access, network=self._network)
        self._clients[cluster.name, url] = cluster, client
        return client

    async def close(self) -> None:
        """Close all connections."""
        for name, url in list(self._clients):
            await self._forget(name, url)

    async def _forget(self, name: str, url: str) -> None:
        known = self._clients.pop((name, url), None)
        if known is not None:
            await known[1].close()

    def _credentials(self, cluster: Cluster) -> Secret | None:
        if cluster.credentials is None:
            return None
        try:
            found = secret_of(self._environment, cluster.credentials)
        except SettingsError as error:
            raise PeerError("refused", str(error)) from None
        if found is None:
            variable = cluster.credentials
            raise PeerError("refused", f"set {variable} (or {variable}_FILE): the configuration names it")
        return found
