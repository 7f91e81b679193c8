"""Alertmanager's webhook payload, version 4, and the look-alikes that other programs send to the same endpoint.

Alertmanager bumps the version for breaking changes only and adds fields without, so unknown fields are skipped.
Grafana says version 1; both Grafana and programs that forward the format leave fields out. Nothing but the alerts
is needed of the envelope, so nothing else in it can spoil them. Of an alert are needed its status, where the group has
none, and its fingerprint or else all of its labels; to fire, also the labels that the configuration reads. Whatever
else cannot be read is taken as missing. An alert's identity is its fingerprint, never the ``groupKey``, which a reload
changes.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from bridge.json_values import at, text, to_ms
from bridge.model import RECEIVER_LABEL, SENDER_LABEL, SOURCE_LABEL, Alert, AlertStatus, Link
from bridge.senders.delivery import Delivery, NotUnderstood, Unusable
from bridge.senders.fingerprint import Identifier
from bridge.senders.lenient import DAMAGED, decode, is_text, mend
from bridge.senders.links import base_link
from bridge.senders.steps import run_at_once

SOURCE: Final = "alertmanager"
_NAME_LABEL: Final = "alertname"

_VERSIONS = frozenset({"", "4", "1"})  # some forwarders leave it out; any other means a breaking change
_MOST_TRUNCATED = 1 << 53
_MOST_ALERTS = 100_000  # three times what fits into 16 MiB of Alertmanager's own
_MOST_VALUES = 2_000_000  # decoded, a value takes a hundred times the two bytes that it may have in a body
_STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}
_YEAR_2000 = 946_684_800_000  # Go's zero time is year 1, some senders' is 1970: neither says when something happened
_DECODE_ERRORS = (ValueError, RecursionError)  # msgspec's errors, not UTF-8, nested too deeply
_QUOTED_META = re.compile(r"\\([\\.+*?()|\[\]{}^$])")

_STRICT_BYTES = 1 << 20  # a few milliseconds: what is larger is read in steps
_FINGERPRINT_CHARS = 128
_NULL = Raw(b"null")


class _WireAlert(Struct):
    labels: dict[str, str]
    status: str | None = None
    startsAt: str | None = None  # noqa: N815 - the wire's name
    endsAt: str | None = None  # noqa: N815 - the wire's name
    fingerprint: Annotated[str, Meta(max_length=_FINGERPRINT_CHARS)] | None = None


class _Envelope(Struct):
    alerts: Sequence[Raw | _WireAlert]
    version: Any = None
    receiver: Any = None
    status: Any = None
    truncatedAlerts: Any = None  # noqa: N815 - the wire's name
    externalURL: Any = None  # noqa: N815 - the wire's name


class _StrictEnvelope(_Envelope):
    """A body as Alertmanager sends it: read in one go."""

    alerts: list[_WireAlert]
    version: str = ""
    receiver: str = ""
    status: str = ""
    truncatedAlerts: int = 0  # noqa: N815 - the wire's name
    externalURL: str = ""  # noqa: N815 - the wire's name


class _RawEnvelope(Struct):
    alerts: list[Raw]
    version: Raw = _NULL
    receiver: Raw = _NULL
    status: Raw = _NULL
    truncatedAlerts: Raw = _NULL  # noqa: N815 - the wire's name
    externalURL: Raw = _NULL  # noqa: N815 - the wire's name


class _Group(Struct, frozen=True):
    """What the alerts of one delivery share: the status of those that have none, where they come from."""

    status: str
    receiver: str
    sender: str
    link: Link | None


class _Problem(Exception):
    """What makes one alert unusable: the path below it, and the problem."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem


_decode_strict = msgspec.json.Decoder(_StrictEnvelope).decode
_decode_envelope = msgspec.json.Decoder(_RawEnvelope).decode
_decode_alert = msgspec.json.Decoder(_WireAlert).decode


def parse(
    body: bytes, received_at: int, labels_read: Callable[[], Collection[str]] = frozenset, sender: str = ""
) -> Delivery:
    """Read one webhook body without a pause: see `read`."""
    return run_at_once(read(body, received_at, labels_read, sender))


def read(
    body: bytes, received_at: int, labels_read: Callable[[], Collection[str]], sender: str
) -> Generator[None, None, Delivery]:
    """Read one webhook body, in steps where many fingerprints are to be computed.

    An alert that cannot be understood is reported and does not spoil the others.

    Every alert also gets the labels ``__source__`` and ``__receiver__``, and ``__sender__`` if its ``sender`` has a
    name, after its fingerprint was computed. A start that is missing, unreadable or before 2000 becomes
    ``received_at``, and so does a resolved alert's end.
    ``labels_read`` gives the labels that the configuration reads; it is asked only about alerts with unreadable ones.

    Raises:
        NotUnderstood: not JSON, or no object with a list of at most 100,000 ``alerts`` in a version that is known.
    """
    if body.count(b",") > _MOST_VALUES:
        raise NotUnderstood(f"$: expected at most {_MOST_VALUES} values")
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 8.1: a reader may ignore it
    unread: Counter[str] = Counter()
    envelope = _read_envelope(body, unread)
    if not _is_known(envelope.version):
        raise NotUnderstood('$.version: expected "4" (Alertmanager) or "1" (Grafana)')
    if len(envelope.alerts) > _MOST_ALERTS:
        raise NotUnderstood(f"$.alerts: expected at most {_MOST_ALERTS} alerts")
    alerts: list[Alert] = []
    identifier = Identifier()
    unusable: list[Unusable] = []
    receiver = unquote_meta(text(envelope.receiver))
    group = _Group(text(envelope.status), receiver, sender, _link(envelope))
    for index, raw in enumerate(envelope.alerts):
        try:
            wire = raw if isinstance(raw, _WireAlert) else _read_alert(raw, group.status, labels_read, unread)
            made = _alert(wire, group, received_at, unread, identifier)
            alerts.append((yield from made))
        except _Problem as error:
            path = f"$.alerts[{index}]{error.path}"
            unusable.append(_unusable(index, path, error.problem, raw))
    truncated = _truncated(envelope.truncatedAlerts)
    return Delivery(alerts=alerts, unusable=unusable, truncated=truncated, unread=unread)


def _unusable(index: int, path: str, problem: str, raw: Raw | _WireAlert) -> Unusable:
    """With what can be read of the alert's identity, so that people find it."""
    try:
        fields = decode(bytes(raw) if isinstance(raw, Raw) else msgspec.json.encode(raw))
    except _DECODE_ERRORS:
        fields = None
    found = (at(fields, "fingerprint"), at(fields, "labels", _NAME_LABEL))
    identity, name = (str(each) if is_text(each) else "" for each in found)
    return Unusable(index=index, path=path, problem=problem, fingerprint=identity[:_FINGERPRINT_CHARS], name=name)


def unquote_meta(receiver: str) -> str:
    """The receiver's configured name: Alertmanager sends it through Go's ``regexp.QuoteMeta``."""
    return _QUOTED_META.sub(r"\1", receiver) if "\\" in receiver else receiver


def _is_known(version: Any) -> bool:
    """Whether the alerts can be read: a version that is no text or number says nothing, nor does a damaged text."""
    said = "" if isinstance(version, bool) or not isinstance(version, str | int | float) else str(version)
    return said.removesuffix(".0") in _VERSIONS or DAMAGED in said


def _link(envelope: _Envelope) -> Link | None:
    """Alertmanager's own page. Of its look-alikes nobody knows how to ask theirs for alerts with certain labels."""
    return None if str(envelope.version).startswith("1") else base_link(text(envelope.externalURL))


def _truncated(value: Any) -> int:
    return value if type(value) is int and 0 < value <= _MOST_TRUNCATED else 0


def _read_envelope(body: bytes, unread: Counter[str]) -> _Envelope:
    """The envelope; alert by alert where it is large or not as it should be, with its texts mended if need be."""
    if len(body) <= _STRICT_BYTES:
        with suppress(*_DECODE_ERRORS):
            return _decode_strict(body)
    try:
        raw = _decode_envelope(body)
    except _DECODE_ERRORS as error:
        mended = mend(body)
        if mended == body:
            raise _not_understood(error) from None
        unread["body"] += 1
        try:
            raw = _decode_envelope(mended)
        except _DECODE_ERRORS as other:
            raise _not_understood(other) from None
    return _Envelope(
        alerts=raw.alerts,
        version=_loosely(raw.version, "version", unread),
        receiver=_loosely(raw.receiver, "receiver", unread),
        status=_loosely(raw.status, "status", unread),
        truncatedAlerts=_loosely(raw.truncatedAlerts, "truncatedAlerts", unread),
        externalURL=_loosely(raw.externalURL, "externalURL", unread),
    )


def _not_understood(error: Exception) -> NotUnderstood:
    path, problem = _explain(error)
    return NotUnderstood(f"${path}: {problem}")


def _loosely(raw: Raw, field: str, unread: Counter[str]) -> Any:
    """A field of the envelope; None, and counted, if it is a number without end or a text that is not UTF-8."""
    try:
        return msgspec.json.decode(raw)
    except _DECODE_ERRORS:
        unread[field] += 1
        return None


def _alert(
    wire: _WireAlert, group: _Group, received_at: int, unread: Counter[str], identifier: Identifier
) -> Generator[None, None, Alert]:
    labels = wire.labels
    if "" in labels.values():
        labels = {name: value for name, value in labels.items() if value}
    status = _STATUSES.get(wire.status or group.status)
    if status is None:
        raise _Problem(".status", 'expected "firing" or "resolved"')
    is_over = status is AlertStatus.RESOLVED
    identity = wire.fingerprint
    if identity and not identity.isascii() and DAMAGED in identity:
        unread["fingerprint"] += 1
        identity = None
    if not labels and not (is_over and identity):
        raise _Problem(".labels", "expected at least one label with a value")
    identity = identity or (yield from identifier.fingerprint(labels))
    labels[SOURCE_LABEL] = SOURCE
    labels[RECEIVER_LABEL] = group.receiver
    if group.sender:
        labels[SENDER_LABEL] = group.sender
    elif SENDER_LABEL in labels:
        del labels[SENDER_LABEL]
    return Alert(
        source=SOURCE,
        sender=group.sender,
        fingerprint=identity,
        status=status,
        labels=labels,
        starts_at=_instant(wire.startsAt, "startsAt", received_at, unread),
        ends_at=_instant(wire.endsAt, "endsAt", received_at, unread) if is_over else None,
        name=labels.get(_NAME_LABEL, ""),
        link=group.link,
    )


def _read_alert(
    raw: Raw, group_status: str, labels_read: Callable[[], Collection[str]], unread: Counter[str]
) -> _WireAlert:
    """One alert; where it is not as it should be, without the fields that are wrong, unless they are needed."""
    try:
        return _decode_alert(raw)
    except _DECODE_ERRORS as error:
        strict = error
    try:
        fields = decode(bytes(raw))
    except _DECODE_ERRORS:
        raise _Problem(*_explain(strict)) from None
    if not isinstance(fields, dict):
        raise _Problem("", "expected an object")
    status, starts_at, ends_at = (_text_of(fields, name, unread) for name in ("status", "startsAt", "endsAt"))
    identity = _text_of(fields, "fingerprint", unread)
    is_end = (status or group_status) == "resolved"
    read = () if is_end else labels_read()
    labels = _labels(fields.get("labels"), read, unread, identify=identity is None)
    return _WireAlert(labels=labels, status=status, startsAt=starts_at, endsAt=ends_at, fingerprint=identity)


def _text_of(fields: dict[str, Any], name: str, unread: Counter[str]) -> str | None:
    value = fields.get(name)
    if is_text(value) and not (name == "fingerprint" and len(str(value)) > _FINGERPRINT_CHARS):
        return str(value) or None
    if value is not None:
        unread[name] += 1
    return None


def _labels(value: Any, read: Collection[str], unread: Counter[str], *, identify: bool) -> dict[str, str]:
    """The labels that are texts. All must be (or null) if they ``identify`` the alert, and those that are ``read``."""
    if not isinstance(value, dict):
        if identify or read:
            raise _Problem(".labels", "expected an object")
        if value is not None:
            unread["labels"] += 1
        return {}
    found = {name: text for name, text in value.items() if is_text(name) and is_text(text)}
    for name in value.keys() - found.keys():
        if name in read or (identify and value[name] is not None):
            raise _Problem(".labels[...]", "expected a str in UTF-8: the identity or the configuration needs it")
        unread["labels"] += 1
    return found


def _instant(text: str | None, field: str, received_at: int, unread: Counter[str]) -> int:
    if not text:
        return received_at
    try:
        found = to_ms(text)
    except ValueError:
        unread[field] += 1
        return received_at
    return found if found >= _YEAR_2000 else received_at


def _explain(error: Exception) -> tuple[str, str]:
    """The path below ``$`` and the problem. msgspec's texts name types and places, and values of enums alone."""
    if isinstance(error, UnicodeDecodeError):
        return "", "a string is not UTF-8"
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    problem, _, path = str(error).partition(" - at `$")
    return path.removesuffix("`"), problem
