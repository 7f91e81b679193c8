"""Alertmanager's webhook payload, version 4, and the look-alikes that other programs send to the same endpoint.

Alertmanager bumps the version for breaking changes only and adds fields without, so unknown fields are skipped.
Grafana says version 1; both Grafana and programs that forward the format leave fields out. Nothing but the alerts
is needed of the envelope, so nothing else in it can spoil them. An alert's identity is its fingerprint, never the
``groupKey``, which a reload changes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from bridge.model import Alert, AlertStatus
from bridge.sources.delivery import Delivery, NotUnderstood, Unusable
from bridge.sources.fingerprint import fingerprint
from bridge.sources.rfc3339 import to_ms

SOURCE: Final = "alertmanager"

_VERSIONS = frozenset({"", "4", "1"})  # some forwarders leave it out; any other means a breaking change
_MOST_TRUNCATED = 1 << 53
_MOST_ALERTS = 100_000  # three times what fits into 16 MiB of Alertmanager's own
_MOST_VALUES = 2_000_000  # decoded, a value takes a hundred times the two bytes that it may have in a body
_STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}
_YEAR_2000 = 946_684_800_000  # Go's zero time is year 1, some senders' is 1970: neither says when something happened
_DECODE_ERRORS = (ValueError, RecursionError)  # msgspec's errors, not UTF-8, nested too deeply
_QUOTED_META = re.compile(r"\\([\\.+*?()|\[\]{}^$])")

T = TypeVar("T")


class _WireAlert(Struct):
    labels: dict[str, str]
    status: str | None = None
    startsAt: str | None = None  # noqa: N815 - the wire's name
    endsAt: str | None = None  # noqa: N815 - the wire's name
    fingerprint: Annotated[str, Meta(max_length=128)] | None = None


class _Envelope(Struct, Generic[T]):
    alerts: list[T]
    version: Any = None
    receiver: Any = None
    status: Any = None
    truncatedAlerts: Any = None  # noqa: N815 - the wire's name


class _Problem(Exception):
    """What makes one alert unusable: the path below it, and the problem."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


_decode_payload = msgspec.json.Decoder(_Envelope[_WireAlert]).decode
_decode_envelope = msgspec.json.Decoder(_Envelope[Raw]).decode
_decode_alert = msgspec.json.Decoder(_WireAlert).decode


def parse(body: bytes, received_at: int) -> Delivery:
    """Read one webhook body. An alert that cannot be understood is reported and does not spoil the others.

    Every alert also gets the labels ``__source__`` and ``__receiver__``, after its fingerprint was computed. A start
    that is missing or before 2000 becomes ``received_at``, and so does a resolved alert's end.

    Raises:
        NotUnderstood: not JSON, or no object with a list of at most 100,000 ``alerts`` in a version that is known.
    """
    if body.count(b",") > _MOST_VALUES:
        raise NotUnderstood(f"$: expected at most {_MOST_VALUES} values")
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 8.1: a reader may ignore it
    envelope: _Envelope[_WireAlert] | _Envelope[Raw]
    try:
        envelope = _decode_payload(body)
    except _DECODE_ERRORS:
        envelope = _read_envelope(body)
    if not _is_known(envelope.version):
        raise NotUnderstood('$.version: expected "4" (Alertmanager) or "1" (Grafana)')
    if len(envelope.alerts) > _MOST_ALERTS:
        raise NotUnderstood(f"$.alerts: expected at most {_MOST_ALERTS} alerts")
    alerts: list[Alert] = []
    unusable: list[Unusable] = []
    receiver = unquote_meta(_text(envelope.receiver))
    group_status = _text(envelope.status)
    wires: Sequence[_WireAlert | Raw] = envelope.alerts
    for index, wire in enumerate(wires):
        try:
            alerts.append(_alert(wire, group_status, receiver, received_at))
        except _Problem as error:
            path = f"$.alerts[{index}]{error.path}"
            unusable.append(Unusable(index=index, path=path, problem=error.problem))
    return Delivery(alerts=alerts, unusable=unusable, truncated=_truncated(envelope.truncatedAlerts))


def unquote_meta(receiver: str) -> str:
    """The receiver's configured name: Alertmanager sends it through Go's ``regexp.QuoteMeta``."""
    return _QUOTED_META.sub(r"\1", receiver) if "\\" in receiver else receiver


def _is_known(version: Any) -> bool:
    """Whether the alerts can be read: a version that is no text or number says nothing."""
    return not isinstance(version, str | int | float) or str(version).removesuffix(".0") in _VERSIONS


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _truncated(value: Any) -> int:
    return value if type(value) is int and 0 < value <= _MOST_TRUNCATED else 0


def _read_envelope(body: bytes) -> _Envelope[Raw]:
    try:
        return _decode_envelope(body)
    except _DECODE_ERRORS as error:
        path, problem = _explain(error)
        raise NotUnderstood(f"${path}: {problem}") from None


def _alert(wire: _WireAlert | Raw, group_status: str, receiver: str, received_at: int) -> Alert:
    if isinstance(wire, Raw):
        wire = _read_alert(wire)
    labels = wire.labels
    if "" in labels.values():
        labels = {name: value for name, value in labels.items() if value}
    if not labels:
        raise _Problem(".labels", "expected at least one label with a value")
    status = _STATUSES.get(wire.status or group_status)
    if status is None:
        raise _Problem(".status", 'expected "firing" or "resolved"')
    identity = wire.fingerprint or fingerprint(labels)
    labels["__source__"] = SOURCE
    labels["__receiver__"] = receiver
    return Alert(
        source=SOURCE,
        fingerprint=identity,
        status=status,
        labels=labels,
        starts_at=_instant(wire.startsAt, ".startsAt", received_at),
        ends_at=_instant(wire.endsAt, ".endsAt", received_at) if status is AlertStatus.RESOLVED else None,
    )


def _read_alert(raw: Raw) -> _WireAlert:
    try:
        return _decode_alert(raw)
    except _DECODE_ERRORS as error:
        raise _Problem(*_explain(error)) from None


def _instant(text: str | None, path: str, received_at: int) -> int:
    if not text:
        return received_at
    try:
        at = to_ms(text)
    except ValueError:
        raise _Problem(path, "expected an RFC 3339 timestamp") from None
    return at if at >= _YEAR_2000 else received_at


def _explain(error: Exception) -> tuple[str, str]:
    """The path below ``$`` and the problem. msgspec's texts name types and places, and values of enums alone."""
    if isinstance(error, UnicodeDecodeError):
        return "", "a string is not UTF-8"
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    problem, _, path = str(error).partition(" - at `$")
    return path.removesuffix("`"), problem
