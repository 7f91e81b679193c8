"""A Checkly account that lives in memory: a faithful v1 API, faults on demand, and a status page to look at.

It is an ASGI application, for a server or for ``httpx.ASGITransport``, and knows nothing of the bridge.
"""

from bridge.sandbox.account import Account
from bridge.sandbox.app import create_app
from bridge.sandbox.gateway import ConnectionDropped

__all__ = ["Account", "ConnectionDropped", "create_app"]
