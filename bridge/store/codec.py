"""How alerts and incidents are spelled in Redis: packing for the scripts, unpacking of what they return.

An alert is counted through *facets*, strings that the scripts add up without knowing what they mean:
``s|<service>|<severity>``, ``l|<label>|<value>`` and ``a`` (acknowledged).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Raw

from bridge.core.history import Line, folded
from bridge.core.routing import incident_key
from bridge.flap import Span
from bridge.model import (
    RECEIVER_LABEL,
    SENDER_LABEL,
    Alert,
    AlertStatus,
    Incident,
    Progress,
    PublicNote,
    Routed,
    Severity,
    Summary,
)
from bridge.store import posts
from bridge.store.alert_record import Opaque
from bridge.store.orders import unpack_orders
from bridge.store.results import Change, Claim, Quiet
from bridge.store.told import NOTHING, Tell, tell_nothing

if TYPE_CHECKING:
    from bridge.config.schema import Limits
    from bridge.core.history import Entry

Item: TypeAlias = tuple[Alert, Routed | None]


_encode = msgspec.msgpack.Encoder().encode
_decode_conflicts = msgspec.msgpack.Decoder(frozenset[int]).decode
_decode_more = msgspec.msgpack.Decoder(tuple[str, str, int, int, int, int]).decode
_decode_outcomes = msgspec.msgpack.Decoder(list[str]).decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode
_decode_public_note = msgspec.json.Decoder(PublicNote).decode
_decode_line = msgspec.json.Decoder(Line).decode
encode_json = msgspec.json.Encoder().encode

_GROUP = "group:"  # what the fields of an incident that are labels of its group begin with
_RETURN = "return:"  # what those with the spans begin with in which it fired before
PACKED_BYTES = 4 << 20
_NUMBERS = (  # fields of the summary that the hash has under the same name
    *("firing", "held", "firing_since", "last_fired_at", "cleared_at", "eased_at"),
    *("outage_started_at", "outage_ended_at", "conflict_at"),
)
_ONE_LINE = str.maketrans({"\n": " ", "\0": " "})


def alert_name(source: str, fingerprint: str, sender: str = "") -> str:
    """The name of an alert in an incident's alerts and in the index."""
    return f"{source}@{sender}/{fingerprint}" if sender else f"{source}/{fingerprint}"


def facets(routed: Routed, *, acknowledged: bool) -> str:
    """What an alert of this routing adds to its incident's sums, one facet a line."""
    lines = [f"s|{service}|{routed.severity:d}" for service in routed.services]
    lines += [f"l|{label}|{value.translate(_ONE_LINE)}" for label, value in routed.labels.items()]
    if acknowledged:
        lines.append("a")
    return "\n".join(lines)


def firing_first(items: Sequence[Item]) -> list[int]:
    """The alerts of a delivery by their numbers: those of which it says last that they fire, then those that are over.

    What it says of one alert stays in its order.
    """
    is_over = {(alert.source, alert.fingerprint): alert.status is AlertStatus.RESOLVED for alert, _ in items}
    return sorted(range(len(items)), key=lambda nth: is_over[items[nth][0].source, items[nth][0].fingerprint])


def pack_call(
    deliveries: Sequence[Sequence[Item]], tell: Tell = tell_nothing
) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    """Alerts as ``ingest.lua`` reads them: where they are routed to, then each with two numbers, of that and of a text.

    Then how many are of each delivery; the texts to ``tell`` operators, the bases of the links in these, and what goes
    with each text for healing, nothing where there is none.
    """
    numbers: dict[tuple[int, bool], int] = {}
    texts: dict[str, int] = {"": 0}
    kept = [NOTHING]
    bases: dict[str, None] = {}
    routings: list[Raw] = []
    alerts: list[Any] = []
    for alert, routed in chain.from_iterable(deliveries):
        number = text = 0
        if routed is not None:
            if (
                alert.status is not AlertStatus.RESOLVED or alert.observed_at is not None
            ):  # else it is known, or unwanted
                told = tell(alert)
                text = texts.setdefault(told.text + told.fit, len(texts))
                if text == len(kept):
                    kept.append(told)
                if told.base:
                    bases[told.base] = None
            which = id(routed), alert.status is AlertStatus.ACKNOWLEDGED
            number = numbers.setdefault(which, len(numbers) + 1)
            if number > len(routings):
                routings.append(_packed(routed, acknowledged=which[1]))
        alerts += _describe(alert, number, text)
    sizes = [len(delivery) for delivery in deliveries]
    words, fits = [each.text for each in kept[1:]], [each.fit for each in kept[1:]]
    packed_fits = _encode(fits) if any(fits) else b""
    return _encode(routings), _encode(alerts), _encode(sizes), _encode(words), _encode([*bases]), packed_fits


def pack_limits(limits: Limits, *, is_full: bool) -> bytes:
    """What bounds a call of ``ingest.lua``."""
    numbers = limits.alerts, limits.alerts_of_a_route, limits.incidents, limits.incidents_of_a_route
    return _encode((*numbers, int(is_full)))


def unpack_stored(sums: Mapping[bytes, bytes], of: str) -> dict[str, int]:
    """How many ``alerts`` or ``incidents`` are stored of each route."""
    named = ((name.decode().partition("|"), int(count)) for name, count in sums.items())
    return {route: count for (kind, _, route), count in named if kind == of and route}


def _describe(alert: Alert, number: int, text: int) -> tuple[Any, ...]:
    """One alert; last what only senders with a clock of their own tell, or we, or of an unrouted one its receiver."""
    return (
        alert_name(alert.source, alert.fingerprint, alert.sender),
        "R" if alert.status is AlertStatus.RESOLVED else "F",
        alert.starts_at,
        alert.ends_at or 0,
        alert.observed_at or 0,
        number,
        text,
        _statement(alert) if alert.observed_at is not None else not number and _unrouted(alert),
    )


def _unrouted(alert: Alert) -> Any:
    return alert.labels.get(RECEIVER_LABEL, "") if alert.evidence is None else _statement(alert)


def _statement(alert: Alert) -> tuple[Any, ...]:
    merged_into = alert_name(alert.source, alert.merged_into, alert.sender) if alert.merged_into else ""
    digest = "" if alert.observed_at is None else _digest(alert.labels)
    said = digest, alert.event_id or "", merged_into, alert.keep_if_orphaned, alert.complete
    evidence = alert.evidence
    return said if evidence is None else (*said, evidence.quiet_since, evidence.until, evidence.text)


def _pack_routing(routed: Routed, *, acknowledged: bool) -> Raw:
    opaque = encode_json(Opaque(routed.severity, routed.services, routed.why)).decode()
    group = encode_json([part for name, value in routed.group.items() for part in (f"{_GROUP}{name}", value)]).decode()
    counted = facets(routed, acknowledged=acknowledged)
    policy = routed.hold_refire_ms, routed.backdate_ms, routed.receiver
    return Raw(_encode((routed.id, routed.route, group, counted, opaque, *policy)))


class RoutingMemory:
    """Routings as they are packed, by their identity: for the same labels, the router gives the same object again.

    ``size`` is their bytes: when it has passed PACKED_BYTES, all are forgotten.
    """

    def __init__(self) -> None:
        self._packed: dict[
            tuple[int, bool], tuple[Routed, Raw]
        ] = {}  # with the object: while it is here, its id is its
        self.size = 0

    def __call__(self, routed: Routed, *, acknowledged: bool) -> Raw:
        """As ``ingest.lua`` reads it."""
        which = id(routed), acknowledged
        if which not in self._packed:
            if self.size > PACKED_BYTES:
                self._packed.clear()
                self.size = 0
            packed = _pack_routing(routed, acknowledged=acknowledged)
            self._packed[which] = routed, packed
            self.size += len(packed)
        return self._packed[which][1]


_packed = RoutingMemory()


def unpack_changes(
    deliveries: Sequence[Sequence[Item]], packed: bytes, conflicts: bytes, *, is_due: bool
) -> Iterator[list[Change]]:
    """What ``ingest.lua`` says of each alert of each delivery: its outcome, and the incident that counts it."""
    flat = iter(_decode_outcomes(packed))
    in_conflict = _decode_conflicts(conflicts) if conflicts else frozenset[int]()
    position = iter(range(sum(map(len, deliveries))))
    for delivery in deliveries:
        yield [
            Change(
                fingerprint=alert.fingerprint,
                incident_id=id_ or None,
                outcome=outcome,
                is_due=is_due,
                conflict=bool(in_conflict) and next(position) in in_conflict,
            )
            for (alert, _), outcome, id_ in zip(delivery, flat, flat, strict=False)
        ]


def _digest(labels: Mapping[str, str]) -> str:
    """What tells whether an alert's labels changed. That its sender gets a name is no change."""
    own = sorted(item for item in labels.items() if item[0] != SENDER_LABEL)
    return hashlib.blake2b(encode_json(own), digest_size=8).hexdigest()


def pack_posts(progress: Progress) -> tuple[str, bytes, str, int, str]:
    """What ``record.lua`` is told of an incident's posts, in its order."""
    remotes = _encode(posts.remotes(progress))
    pages = posts.open_pages(progress), posts.page_ends(progress), posts.withheld_pages(progress)
    return posts.tally(progress), remotes, *pages


def pack_names(names: Sequence[str]) -> bytes:
    """A list of names, as the scripts read it."""
    return _encode(names)


def pack_progress(progress: Progress) -> bytes:
    """The reconciler's part of an incident."""
    return _encode(progress)


def pack_history(entries: Sequence[Entry]) -> bytes:
    """Entries of an incident's history, as ``recorded.lua`` reads them; nothing if there are none."""
    if not entries:
        return b""
    return _encode([(str(each.what), str(each.by), each.detail, each.once) for each in entries])


def unpack_history(lines: Sequence[bytes], more: bytes = b"") -> tuple[Line, ...]:
    """The history of an incident, the oldest entry first; ``more`` is what ``history.lua`` counts of a storm."""
    return folded((*map(_decode_line, lines), *_counted(more)))


def _counted(packed: bytes) -> Iterator[Line]:
    if packed:
        what, by, since, till, _, more = _decode_more(packed)
        if more:
            yield Line(at=since, what=what, by=by, detail={"alerts": [], "more": more, "till": till})


def unpack_quiet(flat: Sequence[Any], now: int) -> tuple[Quiet, ...]:
    """What ``open_without_alerts.lua`` returns, without those that an older release resolved: it does not note it."""
    found = ((pairs(fields), progress) for fields, progress in zip(flat[::2], flat[1::2], strict=True))
    return tuple(
        Quiet(fields["route"].decode(), now - int(fields["cleared_at"]), _unpack_summary(fields, {}, ()))
        for fields, progress in found
        if progress and posts.is_open(_decode_progress(progress))
    )


def pairs(flat: Sequence[bytes]) -> dict[str, bytes]:
    """Redis' flat field-value list as a mapping."""
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def unpack_claim(token: str, now: int, leased: Sequence[Any], *, probing: bool) -> Claim:
    """What `claim.lua` says of the incident that it leased."""
    id_, snapshot, requests, request_ms, go_in_ms = leased
    return Claim(
        incident=unpack_snapshot(id_.decode(), snapshot),
        token=token,
        now=now,
        wall=snapshot[-1],
        probing=probing,
        requests=requests,
        request_ms=float(request_ms),
        go_in_ms=go_in_ms,
    )


def unpack_snapshot(id_: str, snapshot: Sequence[Any]) -> Incident:
    """An incident from what `snapshot` of lease.lua gives."""
    fields, counts, public_notes, progress, orders, _ = snapshot
    return unpack_incident(id_, pairs(fields), pairs(counts), progress, public_notes, pairs(orders))


def unpack_incident(
    id_: str,
    fields: Mapping[str, bytes],
    counts: Mapping[str, bytes],
    progress: bytes | None,
    public_notes: Sequence[bytes] = (),
    orders: Mapping[str, bytes] = {},
) -> Incident:
    """An incident from its hash, its facets, its progress, its public notes and its orders."""
    route = fields["route"].decode()
    labels = sorted(name for name in fields if name.startswith(_GROUP))
    group = {name.removeprefix(_GROUP): fields[name].decode() for name in labels}
    return Incident(
        id=id_,
        key=incident_key(route, group),
        route=route,
        group=group,
        episode=int(fields["episode"]),
        revision=int(fields["rev"]),
        summary=_unpack_summary(fields, counts, public_notes),
        progress=_decode_progress(progress) if progress else Progress(),
        orders=unpack_orders(fields, orders),
    )


def _unpack_summary(fields: Mapping[str, bytes], counts: Mapping[str, bytes], public_notes: Sequence[bytes]) -> Summary:
    services: dict[str, Severity] = {}
    labels: dict[str, set[str]] = {}
    for facet in counts:
        kind, _, rest = facet.partition("|")
        if kind == "s":
            service, _, level = rest.rpartition("|")
            services[service] = max(Severity(int(level)), services.get(service, Severity.MINOR))
        elif kind == "l":
            label, _, value = rest.partition("|")
            labels.setdefault(label, set()).add(value)
    number: dict[str, Any] = {name: int(fields.get(name, 0)) for name in _NUMBERS}
    return Summary(
        **number,
        earlier=unpack_spans(fields),
        acknowledged=int(counts.get("a", 0)),
        orphaned=int(counts.get("u", 0)),
        services=dict(sorted(services.items())),
        labels={label: tuple(sorted(values)) for label, values in sorted(labels.items())},
        public_notes=tuple(map(_unpack_public_note, public_notes)),
    )


def unpack_spans(fields: Mapping[str, bytes]) -> tuple[Span, ...]:
    """When an incident fired before, the oldest first."""
    kept = (value.split() for name, value in fields.items() if name.startswith(_RETURN))
    return tuple(sorted(Span(int(since), int(until)) for since, until in kept))


def _unpack_public_note(packed: bytes) -> PublicNote:
    kept_at, brace, rest = packed.partition(b"{")
    return msgspec.structs.replace(_decode_public_note(brace + rest), kept_at=int(kept_at))
