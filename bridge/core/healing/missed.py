"""Alerts that a cluster holds for our receiver, and that never arrived here. Pure.

Two things may become of one. Where its incident still stands open on a page, by our reference, though nothing is known
of it here, the store was lost: it is taken in again, kept quiet or not, for the incident has no other way to its end.
Any other is told of, or taken in, once it has been there for long enough to have been delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.model import RECEIVER_LABEL, SENDER_LABEL, SOURCE_LABEL, Alert, AlertStatus, Routed

if TYPE_CHECKING:
    from bridge.config.healing import Cluster

SOURCE: Final = "alertmanager"
ROUNDS: Final = 2
OLD_MS: Final = 600_000
"""Older than an Alertmanager takes to deliver: it waits for a group, and then tries."""

_NAME_LABEL: Final = "alertname"


class InGroup(Struct, frozen=True, kw_only=True):
    """An alert in one of a peer's groups for our receiver. ``is_active``: nobody silences, inhibits or mutes it.

    ``starts_at`` is in ms; ``age_ms`` is how long ago that was by the peer's own clock.
    """

    fingerprint: str
    starts_at: int
    age_ms: int
    is_active: bool
    labels: Mapping[str, str]


class Held(Struct, frozen=True):
    """What all peers say of one alert: the ``alert`` as a delivery would have it, and where it would belong.

    ``rounds`` counts those in a row in which it was active at every peer that has it; ``is_old`` is as of the last.
    """

    alert: Alert
    is_old: bool
    rounds: int

    @property
    def was_missed(self) -> bool:
        """Whether it should have been delivered by now."""
        return self.rounds >= ROUNDS and self.is_old


def hold(before: Mapping[str, Held], peers: Sequence[Sequence[InGroup]], cluster: Cluster) -> dict[str, Held]:
    """What the cluster holds after a round in which every peer was understood, by fingerprints."""
    found: dict[str, list[InGroup]] = {}
    for each in (each for groups in peers for each in groups):
        found.setdefault(each.fingerprint, []).append(each)
    held = {}
    for name, told in found.items():
        is_active = all(each.is_active for each in told)
        earlier = before.get(name)
        held[name] = Held(
            alert=_as_delivered(min(told, key=lambda each: each.starts_at), cluster),
            is_old=all(each.age_ms > OLD_MS for each in told),
            rounds=(earlier.rounds if earlier else 0) + 1 if is_active else 0,
        )
    return held


def to_take_over(unknown: Mapping[str, Routed], shown: Collection[str]) -> set[str]:
    """Which of the alerts that are unknown here belong to incidents that stand open on a page.

    ``unknown`` are alerts whose incidents the store does not know; ``shown`` are the references on the pages.
    """
    return {name for name, routed in unknown.items() if routed.id in shown}


def _as_delivered(found: InGroup, cluster: Cluster) -> Alert:
    """The alert as the webhook of this cluster would have brought it."""
    sender = sender_of(cluster)
    labels = {name: value for name, value in found.labels.items() if value and name != SENDER_LABEL}
    labels |= {SOURCE_LABEL: SOURCE, RECEIVER_LABEL: cluster.receiver}
    if sender:
        labels[SENDER_LABEL] = sender
    return Alert(
        source=SOURCE,
        sender=sender,
        fingerprint=found.fingerprint,
        status=AlertStatus.FIRING,
        labels=labels,
        starts_at=found.starts_at,
        name=found.labels.get(_NAME_LABEL, ""),
    )


def sender_of(cluster: Cluster) -> str:
    """The name by which this cluster delivers, so far as its ``match`` says: empty is the path without one."""
    return next((each.value for each in cluster.matchers if each.name == SENDER_LABEL and each.op == "="), "")
