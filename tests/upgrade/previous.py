"""The previous release: its wheel, which lies beside this file, in the place of the code of today."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Mapping

(WHEEL,) = Path(__file__).parent.glob("checkly_bridge-*.whl")
ENVIRONMENT = {"PYTHONPATH": str(WHEEL)}  # a wheel can be imported as it is


class PreviousBridge(Bridge):
    """``bridge serve`` of the previous release."""

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), **ENVIRONMENT}
