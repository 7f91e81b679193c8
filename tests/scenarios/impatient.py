"""A bridge for scenarios that wait for it to look again at what others did."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_IMPATIENTLY = """
import sys
from bridge.cli import main
from bridge.core import lifecycle
from bridge.core.outcomes import failures
for module, pause in (lifecycle, "CHECK_CLOSED_MS"), (failures, "HOLD_MS"):
    assert getattr(module, pause) > 500
    setattr(module, pause, 500)
sys.exit(main())
"""


class Impatient(Bridge):
    """Looks twice a second at what others have open (not twice a minute) and closed (not every five minutes)."""

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-c", _IMPATIENTLY, *list(super().command())[3:]]
