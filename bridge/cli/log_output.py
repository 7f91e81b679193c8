"""Log lines on their way to standard error: by a thread of their own, so that no reader stops the bridge."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Final

from bridge.telemetry import LOG_LINES_DROPPED, Event, configure_logging, log

CAPACITY: Final = 10_000  # lines that may wait; a storm's, while the reader catches its breath
_AT_ONCE_BYTES: Final = 64 << 10  # what a pipe holds on Linux (pipe(7))


class LogOutput:
    """Writes lines to ``descriptor``. ``write`` neither waits nor raises, whatever became of the reader.

    Lines wait in a queue of ``capacity`` for a thread that writes them. One that finds the queue full, or that cannot
    be written (the reader is gone, the disk is full), is dropped: ``dropped`` is called with how many, on any thread.
    """

    def __init__(self, descriptor: int, *, dropped: Callable[[int], None], capacity: int = CAPACITY) -> None:
        self._descriptor = descriptor
        self._dropped = dropped
        self._capacity = capacity
        self._lines: deque[bytes | threading.Event] = deque()
        self._filled = threading.Event()
        self._is_torn = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, line: str) -> None:
        """Queue one line, which is given its end."""
        if len(self._lines) >= self._capacity:
            self._dropped(1)
            return
        self._lines.append(line.encode("utf-8", "backslashreplace") + b"\n")
        if not self._filled.is_set():
            self._filled.set()

    def flush(self, *, within_s: float) -> bool:
        """Wait until all that is queued has been written or dropped, for so long at most; whether it has."""
        reached = threading.Event()
        self._lines.append(reached)
        self._filled.set()
        return reached.wait(within_s)

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._filled.clear()  # before the last look: a line that comes later sets it again
            while self._lines:
                self._write_some()

    def _write_some(self) -> None:
        lines: list[bytes] = []
        size = 0
        while self._lines and size < _AT_ONCE_BYTES:
            line = self._lines.popleft()
            if isinstance(line, threading.Event):
                self._write_all(b"".join(lines))
                line.set()
                return
            lines.append(line)
            size += len(line)
        self._write_all(b"".join(lines))

    def _write_all(self, text: bytes) -> None:
        data = memoryview(b"\n" + text if self._is_torn else text)
        total = len(data)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._is_torn = 0 < len(data) < total
            self._dropped(bytes(data).count(b"\n"))
        else:
            self._is_torn = False


class _Libraries(logging.Handler):
    """What libraries log: where, and what kind of error. Its text may quote a payload, and stays unsaid."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        error = record.exc_info[1] if record.exc_info else None
        where, detail = f"{record.pathname}:{record.lineno}", str(record.msg)
        if error is not None:
            detail = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else where
        log(Event.LIBRARY_ERROR, logger=record.name, detail=detail, where=where)


def start_log(*, level: str, form: str) -> LogOutput:
    """Send log lines, those of libraries too, to standard error. To be flushed at the end."""
    output = LogOutput(sys.stderr.fileno(), dropped=LOG_LINES_DROPPED.inc)
    configure_logging(level=level, form=form, is_terminal=sys.stderr.isatty(), write=output.write)
    logging.basicConfig(handlers=[_Libraries()], level=logging.ERROR, force=True)
    return output
