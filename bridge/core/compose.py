"""From a draft to an intent: the texts, the reference line, and whether subscribers are mailed. Pure."""

from __future__ import annotations

import re

import msgspec

from bridge.config.schema import Config, Reference
from bridge.core.planning import OPEN_PHASES, Draft
from bridge.model import Impact, Incident, Intent, Phase, Post, Severity, UpdateKind, Write
from bridge.texts.render import TextKind, Texts

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


def compose(incident: Incident, post: Post, draft: Draft, config: Config, *, now: int) -> Intent:
    """The write in full.

    An incident whose route is gone from the configuration gets the general texts; a service that is gone keeps the name
    it was published under.
    """
    configured = {name: config.services[name].display for name in draft.services if name in config.services}
    displays = {name: post.displays[name] for name in draft.services if name in post.displays} | configured

    def render(kind: TextKind) -> str:
        services = tuple(displays[name] for name in _told(draft) if name in displays) or _NAMELESS
        return _texts(incident, config).render(
            kind, labels=draft.labels, services=services, severity=draft.severity, status=draft.status
        )

    text = "" if draft.write is Write.CHANGE else draft.remark.text if draft.remark else render(text_kind(post, draft))
    if text and _shows_reference(text, post, draft, config):
        text = f"{text}\n\n{reference_line(incident.id)}"
    return Intent(
        write=draft.write,
        status=draft.status,
        kind=draft.kind,
        severity=draft.severity,
        services=draft.services,
        labels=draft.labels,
        name=post.name or render(TextKind.NAME),
        text=text,
        notify=draft.write is not Write.CHANGE and draft.kind in config.checkly.notify,
        public_at=draft.public_at,
        recorded_at=now,
        remark=draft.remark.event_id if draft.remark else "",
        displays=displays,
        impacts=draft.impacts,
    )


def _shows_reference(text: str, post: Post, draft: Draft, config: Config) -> bool:
    """Whether an update ends with the reference: the first, one that re-opens, and so many that one is always found.

    So does one whose own words would be taken for another incident's.
    """
    mode = config.checkly.reference
    if mode is not Reference.SOMETIMES:
        return mode is Reference.EVERY
    is_due = post.updates == 0 or (post.updates + 1) % REFERENCE_EVERY == 0
    return is_due or draft.kind is UpdateKind.OPEN or _REFERENCE.search(text) is not None


def _told(draft: Draft) -> tuple[str, ...]:
    """The services that a text names: where impacts are shown, those that have recovered are left out till the end."""
    if draft.status not in OPEN_PHASES or not any(draft.impacts.values()):
        return draft.services
    return tuple(name for name in draft.services if draft.impacts.get(name, Impact.OPERATIONAL))


def end_text(incident: Incident, post: Post, config: Config) -> str:
    """What we would say to end the incident, as it stands in ``post``."""
    draft = Draft(
        write=Write.UPDATE,
        status=Phase.RESOLVED,
        kind=UpdateKind.RESOLVED,
        severity=post.severity or post.announced_severity or Severity.MINOR,
        services=post.services,
        labels=post.labels,
        public_at=0,
    )
    return compose(incident, msgspec.structs.replace(post, updates=1), draft, config, now=0).text


def duplicate_text(incident: Incident, post: Post, config: Config) -> str:
    """What is said on a twin of an incident of ours as it is closed."""
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


def text_kind(post: Post, draft: Draft) -> TextKind:
    """Which text tells this: the status's own when the status is new, else the one for updates."""
    is_news = draft.kind is not UpdateKind.SEVERITY and draft.status is not post.status
    return _BY_STATUS[draft.status] if is_news else TextKind.UPDATE


def reference_line(incident_id: str) -> str:
    """The public reference: short, meaningless to readers, and how a post of ours is recognized."""
    return f"Reference: {incident_id}"


def references_in(text: str) -> list[str]:
    """The public reference at the end of an update's text, if there is one."""
    found: list[str] = _REFERENCE.findall(text)
    return found
