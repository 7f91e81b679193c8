"""A Redis whose clock a test sets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import programs
from tests.servers.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHIM = Path(__file__).with_name("clock_offset.c")


class SteppedRedis(Redis):
    """A Redis whose clock is as far off as a file says. It needs a C compiler."""

    def environment(self) -> Mapping[str, str]:
        shim = self.directory / "clock_offset.so"
        compiler = programs.require("cc")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", shim, _SHIM], check=True)
        return {"LD_PRELOAD": str(shim), "CLOCK_OFFSET_FILE": str(self._offset_path)}

    def set_clock(self, off_by_s: int) -> None:
        """Let it be so much later, at once."""
        fresh = self._offset_path.with_suffix(".new")
        fresh.write_text(str(off_by_s))
        fresh.replace(self._offset_path)

    @property
    def _offset_path(self) -> Path:
        return self.directory / "offset"
