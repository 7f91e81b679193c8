"""The way from a bridge to the simulator as it is to the real Checkly: a name to resolve, and TLS."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import trustme

from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from tests.chaos.campaign_servers import CampaignServers

_HOST = "checkly.test"
_NOBODY = "127.0.0.2"  # an address of this machine at which nothing listens


class Network(Proxy):
    """Shows a good certificate unless told to show one of the ``bad``."""

    def __init__(self, servers: CampaignServers) -> None:
        authority = trustme.CA()
        self._servers = servers
        self._trusted = servers.sandbox.directory / "authority.pem"
        authority.cert_pem.write_to_path(str(self._trusted))
        self._good = _context(authority.issue_cert(_HOST))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        self.bad = [
            _context(trustme.CA().issue_cert(_HOST)),
            _context(authority.issue_cert("other.test")),
            _context(authority.issue_cert(_HOST, not_after=yesterday)),
        ]
        super().__init__(servers.sandbox.port, tls=self._good)

    @property
    def environment(self) -> dict[str, str]:
        """For a bridge that is to go this way."""
        return {"CHECKLY_API_URL": f"https://{_HOST}:{self.port}", "SSL_CERT_FILE": str(self._trusted)}

    def heal(self) -> None:
        super().heal()
        self.tls = self._good
        self._resolve("127.0.0.1")

    def refuse(self) -> None:
        """Nobody listens any more."""
        self._resolve(_NOBODY)
        self.cut()

    def unname(self) -> None:
        """The name does not resolve any more."""
        self._resolve("")
        self.cut()

    def _resolve(self, address: str) -> None:
        for bridge in self._servers.bridges:
            bridge.resolve(address)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
