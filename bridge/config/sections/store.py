"""Reading the ``store`` section: what Redis must offer before a delivery is accepted."""

from __future__ import annotations

from typing import Final

from bridge.config.schema import Store
from bridge.config.yaml_node import Value, read

LONGEST_WAIT_MS: Final = 1_800  # a connection that is silent for longer counts as broken


def read_store(value: Value) -> Store:
    """The section, with the defaults where it says nothing."""
    fields = value.fields(("durability", "wait_replicas", "wait_timeout"))
    base = Store()
    return Store(
        durability=read(fields, "durability", lambda value: value.choice(("warn", "require")), base.durability),
        wait_replicas=read(fields, "wait_replicas", lambda value: value.integer(at_least=0), base.wait_replicas),
        wait_timeout_ms=read(
            fields, "wait_timeout", lambda value: value.duration_ms(1, LONGEST_WAIT_MS), base.wait_timeout_ms
        ),
    )
