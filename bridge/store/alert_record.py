"""An alert as the scripts keep it (``alert_record.lua``), and what readers see of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bridge.core.told import link
from bridge.model import Severity
from bridge.store.results import CountedAlert
from bridge.store.told import decode_fit, decode_told

_STATUS = {"F": "firing", "H": "held", "R": "resolved"}


class Opaque(Struct, frozen=True, array_like=True):
    """The part of an alert record that only its reader understands."""

    severity: Severity
    services: tuple[str, ...]
    why: tuple[str, ...]


class AlertRecord(Struct, frozen=True, array_like=True):
    """An alert as ``alert_record.lua`` packs it: each field is explained there; False stands for none."""

    state: str
    starts: int
    ends: int
    observed: int
    resolved_at: int
    seen: int
    facets: str
    opaque: str
    digest: str | bool = False
    counts_from: int | bool = False
    merged_into: str | bool = False
    keep_if_orphaned: bool = False
    own_incident: str | bool = False
    receivers: list[Any] | bool = False
    adopted: bool = False
    told: str | bool = False
    muted: int | bool = False
    fit: str | bool = False
    healed: str | bool = False

    def evidence(self) -> str:
        """Why the bridge closed it, if it did and nothing fired since; see told.lua."""
        at, _, text = str(self.healed or "").partition(" ")
        return text if self.state == "R" and at == str(self.resolved_at) else ""


decode_record = msgspec.msgpack.Decoder(AlertRecord).decode
_decode_opaque = msgspec.json.Decoder(Opaque).decode


def unpack_alert(name: bytes, packed: bytes, bases: Mapping[str, str] = {}) -> CountedAlert:
    """The inverse of what the scripts keep per alert; its link is below one of the ``bases``."""
    record = decode_record(packed)
    told = decode_told(record.told) if isinstance(record.told, str) else None
    opaque = _decode_opaque(record.opaque)
    origin, _, fingerprint = name.decode().partition("/")
    source, _, sender = origin.partition("@")
    status = "acknowledged" if "a" in record.facets.split("\n") and record.state == "F" else _STATUS[record.state]
    status = "muted" if record.muted and record.state == "R" else status
    return CountedAlert(
        source=source,
        sender=sender,
        fingerprint=fingerprint,
        status=status,
        starts_at=record.starts,
        ends_at=record.ends or None,
        seen_at=record.seen,
        severity=opaque.severity,
        services=opaque.services,
        why=opaque.why,
        counts_from=record.counts_from or None,
        name=(told and told.name) or None,
        labels=None if told is None else told.labels,
        labels_dropped=0 if told is None else told.dropped,
        link=None if told is None else link(told, bases),
        healed=record.evidence(),
        fit=decode_fit(record.fit) if isinstance(record.fit, str) else None,
    )
