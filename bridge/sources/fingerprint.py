"""Prometheus' label set fingerprint, for senders of Alertmanager's format that leave it out."""

from __future__ import annotations

from collections.abc import Mapping

_OFFSET_BASIS = 14695981039346656037
_PRIME = 1099511628211
_MASK = (1 << 64) - 1
_SEPARATOR = b"\xff"  # occurs in no UTF-8 text


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits: 64-bit FNV-1a over the sorted label set, as ``prometheus/common`` computes it.

    Labels with an empty value do not exist for Prometheus; the caller leaves them out.
    """
    digest = _OFFSET_BASIS
    for text in (part for pair in sorted(labels.items()) for part in pair):
        for byte in text.encode() + _SEPARATOR:
            digest = (digest ^ byte) * _PRIME & _MASK
    return f"{digest:016x}"
