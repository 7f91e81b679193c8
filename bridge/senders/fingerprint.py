"""Prometheus' label set fingerprint, for senders of Alertmanager's format that leave it out."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final

SLICE_BYTES: Final = 64 << 10  # about six milliseconds

_OFFSET_BASIS = 14695981039346656037
_PRIME = 1099511628211
_MASK = (1 << 64) - 1
_SEPARATOR = b"\xff"  # occurs in no UTF-8 text


class Identifier:
    """Computes fingerprints in steps: yields after each SLICE_BYTES, of one label set or of many."""

    def __init__(self) -> None:
        self._left = SLICE_BYTES

    def fingerprint(self, labels: Mapping[str, str]) -> Generator[None, None, str]:
        """Sixteen hexadecimal digits: 64-bit FNV-1a over the sorted label set, as ``prometheus/common`` computes it.

        Labels with an empty value do not exist for Prometheus; the caller leaves them out.
        """
        digest = _OFFSET_BASIS
        for text in (part for pair in sorted(labels.items()) for part in pair):
            data = text.encode() + _SEPARATOR
            for start in range(0, len(data), SLICE_BYTES):
                part = data[start : start + SLICE_BYTES]
                for byte in part:
                    digest = (digest ^ byte) * _PRIME & _MASK
                self._left -= len(part)
                if self._left <= 0:
                    yield
                    self._left = SLICE_BYTES
        return f"{digest:016x}"
