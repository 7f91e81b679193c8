"""How much memory a process takes, as Linux counts it; elsewhere nothing is measured."""

from __future__ import annotations

from pathlib import Path

MIB = 1 << 20


class Memory:
    """A process' resident memory from now on."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._is_measured = self._proc.is_dir()
        self._idle = self._read("VmRSS")
        self.restart()

    def restart(self) -> None:
        """Forget the peak."""
        if self._is_measured:
            (self._proc / "clear_refs").write_text("5")

    @property
    def growth_mib(self) -> int:
        """By how much the peak since the (re)start is above what it took at first."""
        return max(0, self._read("VmHWM") - self._idle) // MIB

    def _read(self, field: str) -> int:
        if not self._is_measured:
            return 0
        status = (self._proc / "status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) * 1024
