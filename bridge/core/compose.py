"""From a planned write to an intent: the texts, the reference line, and whether subscribers are mailed. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.schema import Config, Reference
from bridge.core.planning import OPEN_PHASES, PlannedWrite, is_mailed
from bridge.model import Impact, Incident, Intent, Phase, Post, Severity, UpdateKind, Write
from bridge.texts.render import TextKind, Texts

if TYPE_CHECKING:
    from collections.abc import Mapping

# At the very end, where ours stands: words may quote one. A page may wrap texts in HTML.
_REFERENCE = re.compile(r"\bReference: ([0-9A-Z]{10})(?:\s|</?\w+/?>)*\Z")
REFERENCE_EVERY = 50  # Checkly returns the newest 100 updates of an incident: one at least shows the reference
_NAMELESS = ("our services",)
_BY_STATUS = {
    Phase.INVESTIGATING: TextKind.INVESTIGATING,
    Phase.IDENTIFIED: TextKind.IDENTIFIED,
    Phase.MONITORING: TextKind.MONITORING,
    Phase.RESOLVED: TextKind.RESOLVED,
}


def compose(incident: Incident, post: Post, planned: PlannedWrite, config: Config, *, now: int) -> Intent:
    """The write in full.

    An incident whose route is gone from the configuration gets the general texts; a service that is gone keeps the name
    it was published under.
    """
    displays = _displays(post, planned, config)
    return Intent(
        write=planned.write,
        status=planned.status,
        kind=planned.kind,
        severity=planned.severity,
        services=planned.services,
        labels=planned.labels,
        name=post.name or _render(TextKind.NAME, incident, planned, displays, config),
        text=_text(incident, post, planned, displays, config, updates=post.updates),
        notify=is_mailed(planned, config.checkly.notify),
        public_at=planned.public_at,
        recorded_at=now,
        public_note=planned.public_note.event_id if planned.public_note else "",
        displays=displays,
        impacts=planned.impacts,
        happened_at=planned.happened_at,
    )


def _displays(post: Post, planned: PlannedWrite, config: Config) -> dict[str, str]:
    """The public name of each service: the configured one, else the one it was published under."""
    configured = {name: config.services[name].display for name in planned.services if name in config.services}
    return {name: post.displays[name] for name in planned.services if name in post.displays} | configured


def _render(
    kind: TextKind, incident: Incident, planned: PlannedWrite, displays: Mapping[str, str], config: Config
) -> str:
    services = tuple(displays[name] for name in _told(planned) if name in displays) or _NAMELESS
    return _texts(incident, config).render(
        kind, labels=planned.labels, services=services, severity=planned.severity, status=planned.status
    )


def _text(
    incident: Incident,
    post: Post,
    planned: PlannedWrite,
    displays: Mapping[str, str],
    config: Config,
    *,
    updates: int,
) -> str:
    """The words of an update, after so many; a change has none."""
    if planned.write is Write.CHANGE:
        return ""
    public_note = planned.public_note
    text = public_note.text if public_note else _render(text_kind(post, planned), incident, planned, displays, config)
    if text and _shows_reference(text, planned, config, updates=updates):
        text = f"{text}\n\n{reference_line(incident.id)}"
    return text


def _shows_reference(text: str, planned: PlannedWrite, config: Config, *, updates: int) -> bool:
    """Whether an update ends with the reference: the first, one that re-opens, and so many that one is always found.

    So does one whose own words would be taken for another incident's.
    """
    mode = config.checkly.reference
    if mode is not Reference.SOMETIMES:
        return mode is Reference.EVERY
    is_due = updates == 0 or (updates + 1) % REFERENCE_EVERY == 0
    return is_due or planned.kind is UpdateKind.OPEN or _REFERENCE.search(text) is not None


def _told(planned: PlannedWrite) -> tuple[str, ...]:
    """The services that a text names: where impacts are shown, those that have recovered are left out till the end."""
    if planned.status not in OPEN_PHASES or not any(planned.impacts.values()):
        return planned.services
    return tuple(name for name in planned.services if planned.impacts.get(name, Impact.OPERATIONAL))


def end_text(incident: Incident, post: Post, config: Config) -> str:
    """What we would say to end the incident, as it stands in ``post``."""
    planned = PlannedWrite(
        write=Write.UPDATE,
        status=Phase.RESOLVED,
        kind=UpdateKind.RESOLVED,
        severity=post.severity or post.announced_severity or Severity.MINOR,
        services=post.services,
        labels=post.labels,
        public_at=0,
    )
    return _text(incident, post, planned, _displays(post, planned, config), config, updates=1)


def duplicate_text(incident: Incident, post: Post, config: Config) -> str:
    """What is said on a duplicate of an incident of ours as it is closed."""
    names = {*post.services, *incident.summary.services} & config.services.keys()
    displays = tuple(config.services[name].display for name in sorted(names)) or _NAMELESS
    return _texts(incident, config).render(
        TextKind.DUPLICATE,
        labels=post.labels | incident.summary.labels,
        services=displays,
        severity=post.severity or Severity.MINOR,
        status=Phase.RESOLVED,
    )


def _texts(incident: Incident, config: Config) -> Texts:
    route = config.route(incident.route)
    return config.texts if route is None else route.texts


def text_kind(post: Post, planned: PlannedWrite) -> TextKind:
    """Which text tells this: the status's own when the status is new, else the one for updates."""
    if planned.tells_of_flapping:
        return TextKind.FLAPPING
    is_news = planned.kind is not UpdateKind.SEVERITY and planned.status is not post.status
    return _BY_STATUS[planned.status] if is_news else TextKind.UPDATE


def reference_line(incident_id: str) -> str:
    """The public reference: short, meaningless to readers, and how a post of ours is recognized."""
    return f"Reference: {incident_id}"


def references_in(text: str) -> list[str]:
    """The public reference at the end of an update's text, if there is one."""
    found: list[str] = _REFERENCE.findall(text)
    return found
