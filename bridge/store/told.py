"""What is kept of alerts for operators, packed for the scripts, with a memory: in a storm most alerts say the same."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct

from bridge.core.told import Told, labels_told, told

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.model import Alert, Link

_CACHED = 4_096
_CACHED_CHARS = 1_024  # of all values together, so that the cache stays within 16 MiB

_encode = msgspec.json.Encoder().encode
decode_told = msgspec.json.Decoder(Told).decode


class PackedTold(Struct, frozen=True):
    """What is kept of an alert, as JSON, and the base of its link as the store lists it; empty where there is none."""

    text: str = ""
    base: str = ""


NOTHING = PackedTold()

Tell: TypeAlias = "Callable[[Alert], PackedTold]"


def tell_nothing(_: Alert) -> PackedTold:
    """For a store that keeps fingerprints alone."""
    return NOTHING


class ToldMemory:
    """What is kept of an alert by the configuration in force, packed once for all alerts that say the same."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._current = config
        self._config: Config | None = None
        self._names: tuple[str, ...] | None = None

    def __call__(self, alert: Alert) -> PackedTold:
        """What is kept of it; the same object again, in most cases, where that is the same."""
        config = self._current()
        if config is not self._config:
            self._config, self._names = config, labels_told(config)
        names = self._names
        if names is None:
            return NOTHING
        read = alert.labels.get
        values = tuple([read(name, "") for name in names])
        pack = _cached if len(alert.name) + sum(map(len, values)) <= _CACHED_CHARS else _pack
        return pack(alert.name, alert.link, names, values)


def _pack(name: str, link: Link | None, names: tuple[str, ...], values: tuple[str, ...]) -> PackedTold:
    base, tail = ("", "") if link is None else (base_entry(link.base), link.tail)
    kept = told(name, dict(zip(names, values, strict=True)), base.partition(" ")[0], tail)
    return PackedTold(_encode(kept).decode(), base)


_cached = lru_cache(maxsize=_CACHED)(_pack)


@lru_cache(maxsize=256)
def base_entry(base: str) -> str:
    """A base as the store lists it: the id by which alerts refer to it, then the address."""
    id_ = base64.urlsafe_b64encode(hashlib.blake2b(base.encode(), digest_size=6).digest()).decode()
    return f"{id_} {base}"


def unpack_bases(listed: Sequence[bytes]) -> dict[str, str]:
    """The addresses by their ids."""
    parted = (entry.decode().partition(" ") for entry in listed)
    return {id_: base for id_, _, base in parted}
