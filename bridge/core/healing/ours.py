"""Our own alerts, as healing knows them: which clusters are the truth for one, and when it was last heard of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, Healing

SOURCE: Final = "alertmanager"
FIRING: Final = "firing"
HELD: Final = "held"
OVER: Final = "resolved"
_encode = msgspec.json.Encoder().encode


class Fit(Struct, frozen=True, array_like=True):
    """The names of the ``clusters`` that fitted an alert when it was delivered, under this ``section``'s hash.

    ``kin`` has, for each cluster whose ``alive.same`` names labels, what a sign of life must agree in.
    """

    section: str
    clusters: tuple[str, ...]
    kin: dict[str, str] = {}


class OurAlert(Struct, frozen=True, kw_only=True):
    """An alert as it is stored: FIRING, HELD or OVER. ``seen_at`` is its last delivery, in the store's time."""

    source: str = SOURCE
    sender: str = ""
    fingerprint: str
    state: str = FIRING
    starts_at: int = 0
    seen_at: int = 0
    fit: Fit | None = None


def fit_of(labels: Mapping[str, str], healing: Healing) -> Fit:
    """Which clusters are the truth for an alert with these labels."""
    fitting = [each for each in healing.alertmanagers if all(matcher.matches(labels) for matcher in each.matchers)]
    kin = {each.name: kin_of(labels, each.alive.same) for each in healing.alertmanagers if each.alive.same}
    return Fit(healing.section, tuple(each.name for each in fitting), kin)


def kin_of(labels: Mapping[str, str], same: Sequence[str]) -> str:
    """What alerts agree in that have the same values of these labels; a hash, so that no value is kept.

    Empty where nothing is compared, or where one of the labels is missing: that two alerts lack it proves no kinship.
    """
    if not same or not all(labels.get(name) for name in same):
        return ""
    agreed = [(name, labels[name]) for name in sorted(same)]
    return hashlib.blake2b(_encode(agreed), digest_size=8).hexdigest()


def labels_needed(healing: Healing) -> tuple[str, ...]:
    """The names of the labels that `fit_of` reads."""
    names = {matcher.name for each in healing.alertmanagers for matcher in each.matchers}
    names.update(name for each in healing.alertmanagers for name in each.alive.same)
    return tuple(sorted(names))


def is_fit_known(alert: OurAlert, healing: Healing) -> bool:
    """Whether it was delivered under this very section."""
    return alert.fit is not None and alert.fit.section == healing.section


def fitting(alert: OurAlert, healing: Healing) -> tuple[Cluster, ...]:
    """The clusters whose word counts for it: all, while it is not known which are its own."""
    if alert.fit is None or not is_fit_known(alert, healing):
        return healing.alertmanagers
    return tuple(each for each in healing.alertmanagers if each.name in alert.fit.clusters)
