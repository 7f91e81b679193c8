"""A Checkly account that lives in memory: faithful v1 and v3 APIs, faults on demand, and status pages to look at.

It is an ASGI application, for a server or for ``httpx.ASGITransport``, and knows nothing of the bridge.
"""

from bridge.sandbox.account import Account
from bridge.sandbox.app import create_app
from bridge.sandbox.gateway import ConnectionDropped

__all__ = ["Account", "ConnectionDropped", "create_app"]
