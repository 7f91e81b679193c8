"""What a peer's answers mean: decoded strictly, for an answer of which one entry is not understood says nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from bridge.core.healing.missed import InGroup
from bridge.core.healing.seen import Listed, PeerError
from bridge.json_values import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_T = TypeVar("_T")
_BATCH = 200
"""As many entries are decoded before others get their turn: some milliseconds."""

_SETTLED = ("ready", "disabled")


class _State(Struct, rename="camel"):
    state: Literal["unprocessed", "active", "suppressed"]
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str] = []


class _Alert(Struct, rename="camel"):
    fingerprint: str
    labels: dict[str, str]
    starts_at: str
    updated_at: str
    ends_at: str
    status: _State


class _Receiver(Struct):
    name: str


class _Group(Struct):
    receiver: _Receiver
    alerts: list[Raw]


class _Cluster(Struct):
    status: Literal["ready", "settling", "disabled"]


class _Status(Struct):
    cluster: _Cluster
    uptime: str


class Process(Struct, frozen=True):
    """Who answers: ``started`` as it was sent and in ms of its own clock."""

    started: str
    started_ms: int
    is_settled: bool


def process(body: bytes) -> Process:
    """Read ``/api/v2/status``. Raises PeerError."""
    try:
        found = msgspec.json.decode(body, type=_Status)
        started_ms = to_ms(found.uptime)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PeerError("not_understood", "its status is not that of an Alertmanager") from error
    return Process(found.uptime, started_ms, found.cluster.status in _SETTLED)


async def alerts(body: bytes) -> Mapping[str, Listed]:
    """Read ``/api/v2/alerts``. Raises PeerError, also where two alerts have one fingerprint."""
    listed: dict[str, Listed] = {}
    for batch in _batches(_entries(body, "list of alerts")):
        for number, raw in batch:
            alert = _decode(raw, _Alert, number)
            starts_at = _instant(alert.starts_at, number)
            _instant(alert.updated_at, number)
            if not alert.fingerprint or alert.fingerprint in listed:
                raise _not_understood(number)
            listed[alert.fingerprint] = Listed(
                starts_at,
                alert.updated_at,
                alert.status.state,
                alert.labels,
                silenced=bool(alert.status.silenced_by),
                inhibited=bool(alert.status.inhibited_by),
            )
        await asyncio.sleep(0)  # deliveries go first
    return listed


async def groups(body: bytes, receiver: str, *, date_ms: int) -> Sequence[InGroup]:
    """Read ``/api/v2/alerts/groups`` of that date: what stands in the groups of this receiver. Raises PeerError."""
    found: list[InGroup] = []
    for number, raw in enumerate(_entries(body, "list of groups"), 1):
        group = _decode(raw, _Group, number)
        if group.receiver.name != receiver:
            continue
        for batch in _batches(group.alerts):
            found += [_in_group(_decode(each, _Alert, number), number, date_ms) for _, each in batch]
            await asyncio.sleep(0)
    return found


def _in_group(alert: _Alert, number: int, date_ms: int) -> InGroup:
    if not alert.fingerprint:
        raise _not_understood(number)
    status, starts_at = alert.status, _instant(alert.starts_at, number)
    return InGroup(
        fingerprint=alert.fingerprint,
        starts_at=starts_at,
        age_ms=date_ms - starts_at,
        is_active=status.state == "active" and not (status.silenced_by or status.inhibited_by or status.muted_by),
        labels=alert.labels,
    )


def _entries(body: bytes, what: str) -> list[Raw]:
    """The list's entries, each checked to be JSON and not yet decoded."""
    try:
        return msgspec.json.decode(body, type=list[Raw])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise PeerError("not_understood", f"the {what} is not one, or was cut") from error


def _batches(raw: Sequence[Raw]) -> Iterator[list[tuple[int, Raw]]]:
    numbered = list(enumerate(raw, 1))
    return (numbered[start : start + _BATCH] for start in range(0, len(numbered), _BATCH))


def _decode(raw: Raw, kind: type[_T], number: int) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _not_understood(number) from error


def _instant(text: str, number: int) -> int:
    try:
        return to_ms(text)
    except ValueError as error:
        raise _not_understood(number) from error


def _not_understood(number: int) -> PeerError:
    return PeerError("not_understood", f"entry {number} of the list cannot be understood")
