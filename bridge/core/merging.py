"""What people set on the page, what stood there of ours, and what we want: the three-way merge of them. Pure.

A field that shows something else than we wrote was set by somebody, and stays: an edit keeps what they set, and what we
wanted when they did. It changes only where the facts have become worse than both, so never back: docs/explanation/
lifecycle.md, *What people do by hand*. What is recorded of a post stays the bridge's own wish, and what is sent, or
expected to show, follows from that and the edits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from bridge.edits import Edits, ImpactEdit, SeverityEdit, StatusEdit
from bridge.model import Impact, Phase, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.remote import RemoteIncident
    from bridge.model import Intent, Post

_COURSE: Final = (Phase.INVESTIGATING, Phase.IDENTIFIED, Phase.MONITORING, Phase.RESOLVED)


def moves_on(post: Post, status: Phase) -> bool:
    """Whether this status is past what somebody set, and past ours then: of both, ahead or back."""
    edit = post.edits.status
    if edit is None:
        return True
    said = sorted(map(_COURSE.index, (edit.to, edit.was)))
    return not said[0] <= _COURSE.index(status) <= said[1]


def status_of(post: Post, status: Phase) -> Phase:
    """The status to send with an update that is to say this one: what somebody set, unless ours moves on."""
    return post.edits.status.to if post.edits.status is not None and status is post.status else status


def severity_of(post: Post, severity: Severity) -> Severity:
    """The severity to set where we want this one."""
    edit = post.edits.severity
    return severity if edit is None or severity > max(edit.to, edit.was) else edit.to


def impact_of(post: Post, name: str, impact: Impact) -> Impact:
    """The impact to set on a service's components where we want this one."""
    edit = post.edits.impacts.get(name)
    return impact if edit is None or impact > max(edit.to, edit.was) else edit.to


def merged(intent: Intent, post: Post) -> Intent:
    """What to send for the intent, so that it changes nothing back."""
    return replace(
        intent,
        status=status_of(post, intent.status),
        severity=severity_of(post, intent.severity),
        impacts={name: impact_of(post, name, impact) for name, impact in intent.impacts.items()},
    )


def learned(post: Post, current: RemoteIncident, intent: Intent | None = None, *, is_settled: bool) -> Edits:
    """The edits of the post by what the page shows: what is as we want it again, is ours again.

    The ``intent`` that is to be written may be about services that the post is not about. Unless the page
    ``is_settled``, it may be older than the last change, and tells of the status alone.
    """
    edits = replace(post.edits, status=_status(post, current))
    if not is_settled or post.severity is None:
        return edits
    severity = edits.severity
    if current.severity is not None and current.severity is not severity_of(post, post.severity):
        severity = None if current.severity is post.severity else SeverityEdit(current.severity, post.severity)
    removed = removed_from(post, current)
    impacts = edits.impacts if current.status is Phase.RESOLVED else _impacts(post, current, intent)
    return replace(edits, severity=severity, removed=removed, impacts=impacts)


def removed_from(post: Post, current: RemoteIncident) -> tuple[str, ...]:
    """The services, by the page's own ids, that were there and that somebody took off (v1)."""
    return tuple(sorted({*post.service_ids, *post.edits.removed}.difference(current.services)))


def _status(post: Post, current: RemoteIncident) -> StatusEdit | None:
    edit = post.edits.status
    if not post.is_open or Phase.RESOLVED is current.status or current.status is (edit.to if edit else post.status):
        return edit
    return None if current.status is post.status else StatusEdit(current.status, post.status)


def _impacts(post: Post, current: RemoteIncident, intent: Intent | None) -> dict[str, ImpactEdit]:
    found, names, displays = dict(post.edits.impacts), set(post.impacts), post.displays
    if intent is not None:
        names, displays = names | intent.impacts.keys(), displays | intent.displays
    for name in names & current.impacts.keys():
        ours, shown = _wanted(post, name, displays), current.impacts[name]
        if shown is beside_peers(impact_of(post, name, ours), name, post, current):
            continue
        if shown is not ours:
            found[name] = ImpactEdit(shown, ours)
        elif name in found:
            del found[name]
    return found


def beside_peers(impact: Impact, name: str, post: Post, current: RemoteIncident) -> Impact:
    """What a service shows where this impact is set on its components: of a component in common the worse counts."""
    peers = current.peers.get(name, frozenset()) & post.impacts.keys()
    return max([impact, *(impact_of(post, each, post.impacts[each]) for each in peers)])


def _wanted(post: Post, name: str, displays: Mapping[str, str]) -> Impact:
    """What we last wanted there. What was shown under a key that was renamed since, is ours, too."""
    if name in post.impacts:
        return post.impacts[name]
    same = (each for other, each in post.impacts.items() if displays.get(other, other) == displays.get(name, name))
    return max(same, default=Impact.OPERATIONAL)


def at_the_end(edits: Edits) -> Edits:
    """What is left of them when the incident is over: its status and its impacts are the end's."""
    return replace(edits, status=None, impacts={})
