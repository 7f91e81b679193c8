"""What is kept of alerts for operators and for healing, packed for the scripts.

With a memory: in a storm most alerts say the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct

from bridge.core.healing.ours import Fit, fit_of, labels_needed
from bridge.core.told import Told, labels_told, told

if TYPE_CHECKING:
    from bridge.config.schema import Config
    from bridge.model import Alert, Link

CACHED_CHARS = 1 << 20
_LONGEST = 2_048

_encode = msgspec.json.Encoder().encode
decode_told = msgspec.json.Decoder(Told).decode
decode_fit = msgspec.json.Decoder(Fit).decode


class PackedTold(Struct, frozen=True):
    """What is kept of an alert, as JSON, and the base of its link as the store lists it; empty where there is none.

    ``fit`` is what healing needs of it, as JSON.
    """

    text: str = ""
    base: str = ""
    fit: str = ""


NOTHING = PackedTold()

Tell: TypeAlias = "Callable[[Alert], PackedTold]"


def tell_nothing(_: Alert) -> PackedTold:
    """For a store that keeps fingerprints alone."""
    return NOTHING


class ToldMemory:
    """What is kept of an alert by the configuration in force, packed once for all alerts that say the same.

    ``size`` is what is remembered, in characters: when it has passed CACHED_CHARS, all is forgotten.
    """

    def __init__(self, config: Callable[[], Config]) -> None:
        self._current = config
        self._config: Config | None = None
        self._told: tuple[str, ...] | None = None
        self._names: tuple[str, ...] | None = None  # with those that healing needs
        self._packed: dict[tuple[str, Link | None, tuple[str, ...]], PackedTold] = {}
        self.size = 0

    def __call__(self, alert: Alert) -> PackedTold:
        """What is kept of it; the same object again, in most cases, where that is the same."""
        config = self._current()
        if config is not self._config:
            self._forget()
            self._config, self._told = config, labels_told(config)
            self._names = self._told
            if config.healing is not None and config.healing.alertmanagers:
                self._names = tuple(dict.fromkeys((*(self._told or ()), *labels_needed(config.healing))))
        names = self._names
        if names is None:
            return NOTHING
        read = alert.labels.get
        values = tuple([read(name, "") for name in names])
        which = alert.name, alert.link, values
        return self._packed.get(which) or self._pack(which, names)

    def _pack(self, which: tuple[str, Link | None, tuple[str, ...]], names: tuple[str, ...]) -> PackedTold:
        name, link, values = which
        labels = dict(zip(names, values, strict=True))
        text, base = self._text(name, link, labels)
        packed = PackedTold(text, base, self._fit(labels))
        size = len(name) + sum(map(len, values)) + len(packed.text) + len(packed.fit)
        if size <= _LONGEST:
            if self.size > CACHED_CHARS:
                self._forget()
            self._packed[which] = packed
            self.size += size
        return packed

    def _text(self, name: str, link: Link | None, labels: Mapping[str, str]) -> tuple[str, str]:
        """What operators are told, and the base of the link in it."""
        if self._told is None:
            return "", ""
        base, tail = ("", "") if link is None else (base_entry(link.base), link.tail)
        kept = told(name, {each: labels[each] for each in self._told}, base.partition(" ")[0], tail)
        return _encode(kept).decode(), base

    def _fit(self, labels: Mapping[str, str]) -> str:
        healing = self._config and self._config.healing
        return _encode(fit_of(labels, healing)).decode() if healing and healing.alertmanagers else ""

    def _forget(self) -> None:
        self._packed.clear()
        self.size = 0


@lru_cache(maxsize=256)
def base_entry(base: str) -> str:
    """A base as the store lists it: the id by which alerts refer to it, then the address."""
    id_ = base64.urlsafe_b64encode(hashlib.blake2b(base.encode(), digest_size=6).digest()).decode()
    return f"{id_} {base}"


def unpack_bases(listed: Sequence[bytes]) -> dict[str, str]:
    """The addresses by their ids."""
    parted = (entry.decode().partition(" ") for entry in listed)
    return {id_: base for id_, _, base in parted}
