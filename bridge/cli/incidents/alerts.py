"""An alert as ``bridge incidents show`` prints it: by the name that people know it by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FIRST: Final = ("fingerprint", "link", "labels")  # of the fields: what to look for first
_APART: Final = ("name", "status", "severity", "source", "sender", "labels_dropped", "why")


def heading(alert: Mapping[str, Any]) -> str:
    """Its status, its severity, and its name, or its fingerprint where the bridge keeps no name of it."""
    parts = (alert.get("status"), alert.get("severity"), alert.get("name") or alert.get("fingerprint"))
    return "  ".join(filter(None, parts))


def fields(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Its fields under that heading, in their order, but for its reasons; the labels say how many were dropped."""
    found = {name: alert[name] for name in _FIRST if name in alert}
    found |= {name: value for name, value in alert.items() if name not in (*_FIRST, *_APART)}
    sender = "/".join(filter(None, (alert.get("source"), alert.get("sender"))))
    found["fingerprint"] = f"{alert.get('fingerprint')} from {sender}"
    if dropped := alert.get("labels_dropped"):
        found["labels"] = {**(alert.get("labels") or {}), "dropped for lack of room": str(dropped)}
    return found
