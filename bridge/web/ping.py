"""The containers' health check: ``python -m bridge.web.ping 8080 /healthz`` exits with 0 if this machine answers 200.

It reads no environment, so no proxy is asked, and tries both families: a server may listen on one of them alone. It
needs nothing but the standard library, and so next to no time.
"""

from __future__ import annotations

import http.client
import sys

TIMEOUT_S = 2


def answers(port: int, path: str) -> bool:
    """Whether an HTTP server on this machine answers 200."""
    for host in ("127.0.0.1", "::1"):
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    return False


if __name__ == "__main__":
    sys.exit(not answers(int(sys.argv[1]), sys.argv[2]))
