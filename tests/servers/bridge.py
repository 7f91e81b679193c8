"""The bridge and the Checkly simulator as a user runs them: processes of the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx

from tests.servers.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_COMMAND_LINE = (sys.executable, "-m", "bridge.cli")


class Sandbox(Process):
    """``bridge sandbox`` with these services, or with the account of a file."""

    name = "sandbox"

    def __init__(
        self, directory: Path, *, services: Sequence[str] = (), account: Path | None = None, port: int | None = None
    ) -> None:
        super().__init__(directory, port=port)
        self._arguments = [part for name in services for part in ("--service", name)]
        if account is not None:
            self._arguments += ["--account", str(account)]

    def command(self) -> Sequence[str | Path]:
        return [*_COMMAND_LINE, "sandbox", "--host", "127.0.0.1", "--port", str(self.port), *self._arguments]

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/sandbox/state").is_success

    @property
    def account_id(self) -> str:
        """The id that the account header must carry."""
        account_id: str = self.control("GET", "state")["account"]["id"]
        return account_id

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """Call its control endpoint: ``control("POST", "faults", …)``; the decoded answer."""
        answer = httpx.request(method, f"{self.url}/sandbox/{path}", json=body or None).raise_for_status()
        return answer.json() if answer.content else None


class Bridge(Process):
    """``bridge serve`` with a configuration file, a simulator, which runs before it, and a Redis.

    ``environment`` adds to, or replaces, the variables, ``arguments`` adds to the command line. Without a ``redis_url``
    the embedded Valkey runs, on files in the directory.
    """

    name = "bridge"
    alertmanager_token = "alertmanager-token"
    admin_token = "admin-token"

    def __init__(
        self,
        directory: Path,
        *,
        config: Path,
        sandbox: Sandbox,
        redis_url: str | None = None,
        role: str = "all",
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        super().__init__(directory, port=port)
        self._arguments = ["--config", str(config), "--role", role, *arguments]
        self._sandbox = sandbox
        self._redis_url = redis_url
        self._environment = environment or {}

    def command(self) -> Sequence[str | Path]:
        return [*_COMMAND_LINE, "serve", "--host", "127.0.0.1", "--port", str(self.port), *self._arguments]

    def environment(self) -> Mapping[str, str]:
        return {
            "CHECKLY_API_KEY": "sandbox",
            "CHECKLY_ACCOUNT_ID": self._sandbox.account_id,
            "CHECKLY_API_URL": self._sandbox.url,
            "REDIS_URL": self._redis_url or "",
            "ALERTMANAGER_TOKENS": self.alertmanager_token,
            "ADMIN_TOKENS": self.admin_token,
            "LOG_FORMAT": "json",
            **self._environment,
        }

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz").is_success

    @property
    def webhook(self) -> str:
        """Where Alertmanager delivers."""
        return f"{self.url}/webhooks/alertmanager"

    def deliver(self, payload: bytes, *, token: str | None = None) -> httpx.Response:
        """Deliver a payload as Alertmanager does."""
        headers = {"Authorization": f"Bearer {token or self.alertmanager_token}", "Content-Type": "application/json"}
        return httpx.post(self.webhook, content=payload, headers=headers)

    def incidents(self) -> Any:
        """What ``/api/incidents`` answers."""
        return self._ask("/api/incidents")

    def incident(self, id_: str) -> Any:
        """What ``/api/incidents/{id}`` answers."""
        return self._ask(f"/api/incidents/{id_}")

    def _ask(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        return httpx.get(self.url + path, headers=headers).raise_for_status().json()
