"""The Lua scripts, one file each; ``lib.lua`` stands before every one of them, and others before some."""

from __future__ import annotations

import hashlib
from importlib import resources

from msgspec import Struct


class Script(Struct, frozen=True):
    """A script's text and the SHA-1 by which Redis knows it."""

    name: str
    text: str
    sha: str


def _load(name: str, *before: str) -> Script:
    folder = resources.files(__package__)
    text = "".join((folder / f"{part}.lua").read_text("utf-8") for part in ("lib", *before, name))
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


INGEST = _load(
    "ingest",
    *("alert_record", "told", "alerts", "memory", "senders", "conflicts", "dates", "limits", "mute", "transitions"),
    *("history", "facts", "outcomes", "merges"),
)
ACT = _load("act", "alert_record", "mute", "orders", "history")
PUBLIC_NOTE = _load("public_note", "alert_record", "alerts", "memory", "senders", "history")
CLAIM = _load("claim", "alert_record", "mute", "orders", "lease", "budget", "gate", "history", "facts")
RECORD = _load("record", "orders", "lease", "gate", "archive", "history", "recorded")
SETTLE = _load("settle", "orders", "lease", "budget", "gate")
RELEASE = _load("release")
DROP = _load("drop", "orders", "lease", "budget", "gate", "history")
RECOUNT = _load("recount")
SELECT = _load("select")
HEARTBEAT = _load("heartbeat")
OPEN_WITHOUT_ALERTS = _load("open_without_alerts", "orders")
CONFIG_CHANGED = _load("config_changed", "gate", "history")
CHORE = _load("chore")
OBSERVED = _load("observed")
TRUST = _load("trust", "alert_record")
LEASE_FOR_LOOK = _load("lease_for_look", "orders", "lease")
RATE_LIMIT = _load("rate_limit", "budget")
PROBE = _load("probe")
READY = _load("ready", "memory")
SPENT = _load("spent", "gate")
BUDGETS = _load("budgets", "gate")
LIFT = _load("lift", "gate")
UNPUBLISHED = _load("unpublished")
