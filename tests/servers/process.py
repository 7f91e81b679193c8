"""A program that runs for a test, and how to wait for things to become true."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self, TypeVar

import httpx

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")
_STOP_S = 30.0
_READY_S = 60.0
_POLL_S = 0.02
_PORTS = (12_000, 32_000)
_given: set[int] = set()


class ServerError(AssertionError):
    """A server did not become ready, or ended by itself; carries the end of its log."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that are free now, for TCP and UDP, all different.

    They lie below those that the system hands to outgoing connections: one of those could take the port before the
    server does. Each is given out once, at random, so that runs side by side hardly meet.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(*_PORTS)
        if port not in _given and _is_free(port):
            _given.add(port)
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def eventually(condition: Callable[[], T], what: str, *, within: float = _READY_S) -> T:
    """The condition's first true value, polled for; a failing connection or assertion counts as "not yet"."""
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            value = condition()
            if value:
                return value
            last = value
        except (httpx.TransportError, AssertionError) as error:
            if isinstance(error, ServerError):
                raise
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last: {last!r}")
        time.sleep(_POLL_S)


class Group(ABC):
    """Servers that belong together: as a context manager all of them run, or none."""

    @abstractmethod
    def start(self) -> Self:
        """Start them all, and wait until they know each other."""

    @abstractmethod
    def stop(self) -> None:
        """Stop those that run."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *exception: object) -> None:
        self.stop()


class Process:
    """A server on this machine. ``directory`` gets its files and its log; starting again keeps both.

    A subclass says how to start it (``command``) and when it is ready (``is_ready``).
    """

    name = "server"
    errors_to: int | None = None  # a file descriptor for its standard error, instead of the log

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_ports(1)[0]
        self.log_path = directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        """The program and its arguments."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it serves; may raise what ``eventually`` takes for "not yet"."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Variables beside PATH and HOME: nothing else of the caller's environment reaches the program."""
        return {}

    @property
    def url(self) -> str:
        """Its address over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        return self._running().pid

    @property
    def runs(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._process is not None

    @property
    def output(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, *, wait: bool = True) -> Self:
        """Start it and, by default, wait until it is ready."""
        assert self._process is None, f"{self.name} already runs"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env={**inherited, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if self.errors_to is None else self.errors_to,
                start_new_session=True,
            )
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise
        return self

    def wait_ready(self, *, within: float = _READY_S) -> None:
        """Return when it is ready; raise ServerError when it ended or takes too long."""
        try:
            eventually(self._is_ready_or_dead, f"{self.name} ready", within=within)
        except ServerError:
            raise
        except AssertionError as error:
            raise ServerError(f"{error}\n{self._tail()}") from error

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running().send_signal(number)

    def wait(self, *, within: float = _STOP_S) -> int:
        """Its exit code, once it ends by itself or after a signal."""
        code = self._running().wait(within)
        self._process = None
        return code

    def stop(self) -> int | None:
        """Ask it to end, insist when it does not; its exit code, None when it was not running."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"{self.name} did not end within {_STOP_S:g} s of SIGTERM\n{self._tail()}") from None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} does not run"
        return self._process

    def _is_ready_or_dead(self) -> bool:
        code = self._running().poll()
        if code is not None:
            raise ServerError(f"{self.name} ended with exit code {code}\n{self._tail()}")
        return self.is_ready()

    def _tail(self) -> str:
        return f"the end of {self.log_path}:\n" + "\n".join(self.output.splitlines()[-25:])
