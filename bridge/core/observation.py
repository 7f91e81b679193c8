"""What a look at the page tells of a post: how the page differs from what the bridge wrote there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core.merging import beside_peers, removed_from
from bridge.model import Observed, Phase

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident
    from bridge.model import Post

STATUS, SEVERITY, IMPACTS, SERVICES, NAME = "status", "severity", "impacts", "services", "name"
LAST_CHANGED = frozenset({SEVERITY, IMPACTS, SERVICES})
"""What a change sets, which leaves no update behind: for a while, a read may be older than that."""


def observe(post: Post, current: RemoteIncident, at: int) -> Observed:
    """What the page shows of the post, as it was read ``at`` that time."""
    return Observed(
        at=at,
        status=current.status,
        severity=current.severity,
        impacts={name: current.impacts[name] for name in post.impacts if name in current.impacts},
        drift=_drift(post, current),
    )


def is_news(post: Post, seen: Observed) -> bool:
    """Whether the last look saw something else, or there was none."""
    last = post.observed
    return last is None or (last.status, last.severity, last.impacts, last.drift) != (
        seen.status,
        seen.severity,
        seen.impacts,
        seen.drift,
    )


def _drift(post: Post, current: RemoteIncident) -> tuple[str, ...]:
    """Which fields are others than we set. Of what is uncertain, or gone from the configuration, nothing is said."""
    is_known = post.severity is not None
    is_over = current.status is Phase.RESOLVED  # that ends the impacts, too
    differs = {
        STATUS: current.status is not post.status,
        SEVERITY: is_known and current.severity not in {None, post.severity},
        IMPACTS: is_known and not is_over and _differ(post, current),
        SERVICES: bool(removed_from(post, current)),
        NAME: bool(post.name) and current.name.strip() != post.name.strip(),
    }
    return tuple(field for field, applies in differs.items() if applies)


def _differ(post: Post, current: RemoteIncident) -> bool:
    return any(
        current.impacts[name] not in {impact, beside_peers(impact, name, post, current)}
        for name, impact in post.impacts.items()
        if name in current.impacts
    )
