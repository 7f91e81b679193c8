"""Keeping the configuration current while the bridge runs: on SIGHUP, and when its file changes."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bridge.config.loader import load
from bridge.config.problems import ConfigError
from bridge.telemetry import CONFIG_HASH, CONFIG_LOADED, CONFIG_OK, Event, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.config.schema import Config


class LiveConfig(Protocol):
    """Whatever holds the configuration in force, which a reload replaces whole."""

    @property
    def current(self) -> Config:
        """The configuration in force now."""
        ...


class ConfigFile:
    """A configuration file and what is in force of it. The constructor raises ConfigError if it has problems.

    A later version replaces the one in force as a whole, or, if it has problems, not at all. Those who act on a change
    ``subscribe``; everybody else reads ``current`` whenever they need it. ``objection`` is given the one in force and a
    later one, and says what speaks against that, if anything does.
    """

    def __init__(
        self, path: str | Path, *, poll_ms: int = 1000, objection: Callable[[Config, Config], str] = lambda *_: ""
    ) -> None:
        self._path = Path(path)
        self._objection = objection
        self._poll_s = poll_ms / 1000
        self._subscribers: list[Callable[[Config], None]] = []
        self._tried = self._seen = self._version()
        self._accept(load(path))

    @property
    def current(self) -> Config:
        """The configuration in force."""
        return self._current

    def subscribe(self, on_change: Callable[[Config], None]) -> None:
        """Have ``on_change`` called with every configuration that takes effect from now on. It must not raise."""
        self._subscribers.append(on_change)

    async def watch(self) -> None:
        """Follow the file until canceled; SIGHUP is then as it was. Needs the main thread, where signals arrive."""
        hangup = asyncio.Event()
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGHUP)
        loop.add_signal_handler(signal.SIGHUP, hangup.set)
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(hangup.wait(), self._poll_s)
                await self.poll(reload=hangup.is_set())
                hangup.clear()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, before)

    async def poll(self, *, reload: bool = False) -> None:
        """Reload if the file has changed and then rested for one poll: a writer may be in the middle of it."""
        version = self._version()
        if reload or (version != self._tried and version == self._seen):
            self._tried = version
            await self._reload()
        self._seen = version

    async def _reload(self) -> None:
        try:
            config = await asyncio.to_thread(load, self._path)
            problems = [objection] if (objection := self._objection(self._current, config)) else []
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
        if problems:
            CONFIG_OK.set(0)
            log(Event.CONFIG_REJECTED, path=str(self._path), problems=problems)
            return
        self._accept(config)
        for on_change in self._subscribers:
            on_change(config)

    def _accept(self, config: Config) -> None:
        self._current = config
        CONFIG_OK.set(1)
        CONFIG_LOADED.set_to_current_time()
        CONFIG_HASH.clear()
        CONFIG_HASH.labels(config.content_hash).set(1)
        log(
            Event.CONFIG_LOADED,
            path=config.path,
            digest=config.digest,
            hash=config.content_hash,
            routes=len(config.routes),
        )

    def _version(self) -> tuple[int, int, int, int] | None:
        """What changes with the file, also where Kubernetes swaps a symlink on the way to it; None without a file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
