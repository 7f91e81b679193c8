"""An alert as ``bridge incidents show`` prints it: by the name that people know it by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FIRST: Final = ("fingerprint", "status", "link", "labels")  # of the fields: what to look for first
_APART: Final = ("name", "labels_dropped")


def heading(alert: Mapping[str, Any]) -> str:
    """Its name, or its fingerprint where the bridge keeps no name of it."""
    return f"alert {alert.get('name') or alert.get('fingerprint')}"


def fields(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Its fields under that heading, in their order; the labels say how many of them were dropped."""
    found = {name: alert[name] for name in _FIRST if name in alert}
    found |= {name: value for name, value in alert.items() if name not in (*_FIRST, *_APART)}
    if dropped := alert.get("labels_dropped"):
        found["labels"] = {**(alert.get("labels") or {}), "dropped for lack of room": str(dropped)}
    return found
