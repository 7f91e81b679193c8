"""``GET /api/alerts``: the alerts that were not published, by groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.core.near_misses import nearest_service, nearest_value
from bridge.json_values import from_ms
from bridge.web.parameters import number, parameters
from bridge.web.responses import HTTPError, json_response
from bridge.web.unpublished import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.store import UnpublishedGroup, UnpublishedGroups

MOST_LISTED: Final = 1_000
_LISTED = 100


class GroupReader(Protocol):
    """What is needed of the store. Raises StoreUnavailable."""

    async def all(self, *, now: int) -> UnpublishedGroups:
        """Every group of the last 24 hours."""
        ...


class AlertsApi:
    """Reads the groups; ``wall_ms`` is since the epoch."""

    def __init__(self, groups: GroupReader, config: LiveConfig, *, wall_ms: Callable[[], int]) -> None:
        self._groups = groups
        self._config = config
        self._wall_ms = wall_ms

    async def alerts(self, request: Request) -> Response:
        """The groups of one reason, or all, the latest first."""
        asked = parameters(request, ("published", "reason", "limit"))
        if asked.get("published") != "false":
            message = "published: expected false; alerts that count for an incident are in /api/incidents/{id}"
            raise HTTPError(400, "wrong_parameter", message)
        reason = asked.get("reason")
        if reason is not None and reason not in REASONS:
            raise HTTPError(400, "wrong_parameter", f"reason: expected one of {', '.join(REASONS)}")
        limit = number("limit", asked.get("limit"), default=_LISTED, least=1, most=MOST_LISTED)
        found = await self._groups.all(now=self._wall_ms())
        groups = [group for group in found.groups if reason in {None, group.about.reason}]
        return json_response(
            {
                "groups": [group_view(group, self._config.current) for group in groups[:limit]],
                "groups_total": len(groups),
                "cut_at": None if found.cut_at is None else from_ms(found.cut_at),
            }
        )


def group_view(group: UnpublishedGroup, config: Config) -> dict[str, Any]:
    """A group as ``GET /api/alerts`` lists it."""
    about, example = group.about, group.example
    keeps_words = config.operator_labels is not None  # what was kept before that was said stays for a day
    return {
        "reason": about.reason,
        "route": about.route or None,
        "name": (about.name or None) if keeps_words else None,
        "label": about.label or None,
        "value": about.value if about.label and keeps_words else None,
        "detail": about.detail or None,
        "did_you_mean": did_you_mean(group, config) if keeps_words else None,
        "count": group.count,
        "first_at": from_ms(group.first_at),
        "last_at": from_ms(group.last_at),
        "source": example.source,
        "sender": example.sender or None,
        "fingerprint": example.fingerprint or None,
    }


def did_you_mean(group: UnpublishedGroup, config: Config) -> str | None:
    """The name of the configuration that comes close to what decided."""
    about = group.about
    if about.reason == "unknown_service":
        return nearest_service(about.value, config)
    return nearest_value(about.label, about.value, config) if about.reason == "unmatched" else None
