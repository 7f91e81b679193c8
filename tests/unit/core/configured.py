"""A small configuration in force, and the names and times that tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bridge.config.schema import Checkly, Config, People, Service
from bridge.texts.render import DEFAULT_TEXTS

if TYPE_CHECKING:
    from bridge.model import Policy

START = 1_790_000_000_000
SECOND, MINUTE = 1_000, 60_000
SETTLE_MS = 10 * SECOND
SERVICES = ("checkout", "payments", "search")
ID = "0123456789"


def config(
    policy: Policy,
    *,
    look_every_ms: int = 60 * SECOND,
    on_update: Literal["continue", "stop"] = "continue",
    **checkly: object,
) -> Config:
    return Config(
        path="bridge.yaml",
        digest="",
        checkly=Checkly(settle_ms=SETTLE_MS, **checkly),  # type: ignore[arg-type]
        people=People(look_every_ms=look_every_ms, on_update=on_update),
        services={name: Service(name=name, remote_name=name.title()) for name in SERVICES},
        severity=(),
        defaults=policy,
        routes=(),
        texts=DEFAULT_TEXTS,
    )
