"""Reading the ``store`` section: what Redis must offer before a delivery is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.schema import Store
from bridge.config.settings import read_section

if TYPE_CHECKING:
    from bridge.config.yaml_node import Value


def read_store(value: Value) -> Store:
    """The section, with the defaults where it says nothing."""
    return read_section(value, Store())
