"""Where the demo plays: the simulator and the bridge as processes of their own, and a sender of alerts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import httpx

from bridge.cli.errors import CommandError
from bridge.config.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_SECRET = "demo"  # noqa: S105 - guards a bridge that listens on this machine for the length of the demo
_PATIENCE_S = 60.0
_POLL_S = 0.1
_CONFIG = """\
version: 1
checkly: {{notify: [open, resolved]}}
services: {{checkout: Checkout, payments: Payments}}
severity:
  - {{match: severity = critical, is: CRITICAL}}
  - {{match: severity = warning, is: MEDIUM}}
  - {{is: MINOR}}
public_labels: [region]
defaults: {{publish_after: {publish_after}, resolve_after: {resolve_after}, group_by: [region]}}
routes:
  - name: shop
    services: {{label: service}}
    texts: {{name: "Problems in the shop ({{{{ labels.region | default('one region') }}}})"}}
"""


class DemoStack:
    """Simulator and bridge, running between ``with`` and its end; ``pace_s`` makes the bridge's timers fit the play."""

    def __init__(self, directory: Path, pace_s: float) -> None:
        self._directory = directory
        self._pace_ms = int(pace_s * 1000)
        self._checkly_url = f"http://127.0.0.1:{_free_port()}"
        self.bridge_url = f"http://127.0.0.1:{_free_port()}"
        self.page_url = ""
        self._http = httpx.Client(**Network().options(self._checkly_url))
        self._running = ExitStack()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as running:
            simulator = _child(["sandbox", "--port", _port(self._checkly_url)], self._directory, {})
            self._children["simulator"] = running.enter_context(simulator)
            self._until(lambda: self._state() is not None, "the simulator")
            state = self._state()
            self.page_url = f"{self._checkly_url}/pages/{state['pages'][0]['url']}"
            bridge = _child(self._serve(), self._directory, self._environment(state["account"]["id"]))
            self._children["bridge"] = running.enter_context(bridge)
            self._until(lambda: self._http.get(f"{self.bridge_url}/readyz").is_success, "the bridge")
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()
        self._http.close()

    def deliver(self, labels: Mapping[str, str], status: str) -> None:
        """Send one alert as Alertmanager does."""
        now = datetime.now(UTC).isoformat()
        key = str(sorted(labels.items()))
        ends_at = now if status == "resolved" else "0001-01-01T00:00:00Z"
        alert = {"status": status, "labels": labels, "startsAt": self._began.setdefault(key, now), "endsAt": ends_at}
        payload = {"version": "4", "receiver": "bridge", "status": status, "alerts": [alert]}
        headers = {"Authorization": f"Bearer {_SECRET}"}
        self._http.post(f"{self.bridge_url}/webhooks/alertmanager", json=payload, headers=headers).raise_for_status()

    def wait_for(self, is_shown: Callable[[Mapping[str, Any]], bool], what: str) -> None:
        """Wait until the page's newest incident looks so."""
        self._until(lambda: bool(self._state()["incidents"]) and is_shown(self.incident()), what)

    def incident(self) -> dict[str, Any]:
        """The page's newest incident."""
        incident: dict[str, Any] = self._state()["incidents"][0]
        return incident

    def writes(self) -> list[dict[str, Any]]:
        """The calls that changed something on the page, oldest first."""
        calls = self._http.get(f"{self._checkly_url}/sandbox/calls").raise_for_status().json()
        return [call for call in calls if call["method"] != "GET"]

    @staticmethod
    def wait_for_interrupt() -> None:
        """Return at Ctrl-C."""
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass  # not up yet
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise CommandError(f"The {name} has ended; its output above gives the reason.")
            if time.monotonic() > deadline:
                raise CommandError(f"This did not come about within {_PATIENCE_S:.0f} s: {what}")
            time.sleep(_POLL_S)

    def _state(self) -> Any:
        return self._http.get(f"{self._checkly_url}/sandbox/state").raise_for_status().json()

    def _serve(self) -> list[str]:
        config = _CONFIG.format(publish_after=f"{self._pace_ms}ms", resolve_after=f"{2 * self._pace_ms}ms")
        (self._directory / "bridge.yaml").write_text(config)
        return ["serve", "--config", "bridge.yaml", "--host", "127.0.0.1", "--port", _port(self.bridge_url)]

    def _environment(self, account_id: str) -> dict[str, str]:
        """Everything the bridge reads: a demo must not reach a real account, whatever the user's environment says."""
        return {
            "CHECKLY_API_URL": self._checkly_url,
            "CHECKLY_API_KEY": "sandbox",
            "CHECKLY_ACCOUNT_ID": account_id,
            "ALERTMANAGER_TOKENS": _SECRET,
            "LOG_FORMAT": "text",
        }


@contextmanager
def _child(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours as a process; of the environment it gets only what a program needs to run."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "bridge.cli", *arguments],
        cwd=directory,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the demo, which ends these in order
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _port(url: str) -> str:
    return url.rpartition(":")[2]
