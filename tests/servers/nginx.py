"""nginx as a load balancer before several bridges, with what an Ingress would say in its place."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx

from tests.servers import programs
from tests.servers.process import Process, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONFIG = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    log_format attempts '$msec $request_time $upstream_addr $upstream_status';
    access_log access.log attempts;
    client_body_temp_path body;
    client_body_buffer_size 1m;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream bridges {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_next_upstream {next_upstream};
        location /webhooks/ {{ proxy_pass http://bridges; }}
        location / {{ return 503; }}
    }}
}}
"""


class Attempt(NamedTuple):
    """One try to have a request answered by the server on a port. The times (epoch, ms) are the whole request's."""

    began_at: int
    ended_at: int
    port: int
    status: int


class Nginx(Process):
    """Balances ``/webhooks/`` over servers on these ports of this machine, and answers 503 to all else.

    ``next_upstream`` is when it asks another server instead (``proxy_next_upstream``; the default is nginx' own).
    """

    name = "nginx"

    def __init__(
        self, directory: Path, *, ports: Sequence[int], next_upstream: str = "error timeout", port: int | None = None
    ) -> None:
        super().__init__(directory, port=port)
        self._next_upstream = next_upstream
        self._write(ports)

    def command(self) -> Sequence[str | Path]:
        return [programs.require("nginx"), "-p", self.directory, "-c", "nginx.conf", "-e", "error.log"]

    def is_ready(self) -> bool:
        return httpx.get(self.url).status_code == httpx.codes.SERVICE_UNAVAILABLE

    def balance(self, ports: Sequence[int]) -> None:
        """Send to these from now on; returns once nothing is under way to any other."""
        before = self._workers()
        self._write(ports)
        self.signal(signal.SIGHUP)
        eventually(lambda: (now := self._workers()) and not now & before, "nginx to take its new configuration")

    def attempts(self) -> Iterator[Attempt]:
        """All tries so far that were answered, in the order in which their requests ended."""
        for line in (self.directory / "access.log").read_text().splitlines():
            ended, seconds, tries = line.split(" ", 2)
            ended_at = round(float(ended) * 1000)
            servers, _, statuses = tries.replace(", ", ",").partition(" ")
            for server, status in zip(servers.split(","), statuses.split(","), strict=True):
                port = server.rpartition(":")[2]
                if port.isdecimal() and status.isdecimal():
                    yield Attempt(ended_at - round(float(seconds) * 1000), ended_at, int(port), int(status))

    def _workers(self) -> set[str]:
        return set(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())

    def _write(self, ports: Sequence[int]) -> None:
        # A server that refuses is not left alone for 10 s: it is back sooner.
        servers = "\n        ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
        config = _CONFIG.format(servers=servers, port=self.port, next_upstream=self._next_upstream)
        if os.geteuid() == 0:
            config = f"user root;\n{config}"  # or its worker could not enter a test's folder
        (self.directory / "nginx.conf").write_text(config)
