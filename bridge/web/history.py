"""``GET /api/history``: the outages of the last time, one by one, for an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.config.units import duration_ms
from bridge.core.lifecycle import ENDED, NEVER_KNOWN
from bridge.core.public_times import public_times
from bridge.json_values import from_ms
from bridge.web.parameters import number, parameters
from bridge.web.responses import HTTPError, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.model import Incident, Post
    from bridge.store import Episodes

MOST_LISTED: Final = 500
_LISTED = 100
_SINCE = "30d"


class EpisodeReader(Protocol):
    """What is needed of the store. Raises StoreUnavailable."""

    async def episodes(self, since: int, *, after: str = "", count: int = 100) -> Episodes:
        """Some episodes, from a place on. Raises ValueError for a place that no answer gave."""
        ...


class HistoryApi:
    """Reads the episodes; ``wall_ms`` is since the epoch."""

    def __init__(self, archive: EpisodeReader, *, wall_ms: Callable[[], int]) -> None:
        self._archive = archive
        self._wall_ms = wall_ms

    async def history(self, request: Request) -> Response:
        """A part of the episodes that are not over, or ended within the time that is asked for."""
        asked = parameters(request, ("since", "limit", "after"))
        ago = duration_ms(asked.get("since", _SINCE))
        if not ago:
            raise HTTPError(400, "wrong_parameter", "since: expected a duration such as 30d or 12h (not 0)")
        limit = number("limit", asked.get("limit"), default=_LISTED, least=1, most=MOST_LISTED)
        since = max(0, self._wall_ms() - ago)
        try:
            found = await self._archive.episodes(since, after=asked.get("after", ""), count=limit)
        except ValueError as error:
            raise HTTPError(400, "wrong_parameter", "after: expected the text of the answer before") from error
        current = [each for each in found.current if _is_outage(each) and _is_since(each, since)]
        ended = [each for each in found.ended if _is_since(each, since)]
        rows = [
            *(episode_view(each, is_current=True) for each in current),
            *(episode_view(each, is_current=False) for each in ended),
        ]
        return json_response({"episodes": rows, "after": found.after or None})


def episode_view(incident: Incident, *, is_current: bool) -> dict[str, Any]:
    """One outage. Of one that is put away, the facts are those of the next one: what was published tells its times."""
    progress, summary, public = incident.progress, incident.summary, public_times(incident.progress)
    starts_at = public.started_at or (summary.outage_started_at if is_current else 0)
    ends_at = public.ended_at or (summary.outage_ended_at if is_current else 0)
    firing = summary.services if is_current else ()
    is_over = progress.phase in ENDED
    posts = progress.posts.items()
    return {
        "id": f"{incident.id}.{incident.episode}",
        "key": incident.key,
        "route": incident.route,
        "name": next((post.name for _, post in posts if post.name), None),
        "phase": progress.phase,
        "severity_max": _worst(incident, is_current=is_current),
        "services": sorted({name for _, post in posts for name in post.services} or firing),
        "starts_at": _time(starts_at),
        "public_at": _time(public.opened_at),
        "ends_at": _time(ends_at),
        "public_end_at": _time(public.resolved_at),
        "over_at": _time(progress.phase_since) if is_over else None,
        "publish_delay_seconds": _seconds(public.publish_delay_ms),
        "resolve_delay_seconds": _seconds(public.resolve_delay_ms),
        "mails": public.mails,
        "interventions": [line for page, post in posts for line in _interventions(page, post)],
        "note": progress.note,
        "remote_ids": {page: post.remote_id for page, post in posts if post.remote_id},
    }


def _is_outage(incident: Incident) -> bool:
    """Not the end of something that was never heard of."""
    return bool(incident.summary.firing_since) or incident.progress.note != NEVER_KNOWN


def _is_since(incident: Incident, since: int) -> bool:
    return incident.progress.phase not in ENDED or incident.progress.phase_since >= since


def _worst(incident: Incident, *, is_current: bool) -> str | None:
    now = incident.summary.severity if is_current else None
    known = [each for each in (public_times(incident.progress).worst, now) if each is not None]
    known += [post.announced_severity for post in incident.progress.posts.values() if post.announced_severity]
    return max(known).name if known else None


def _interventions(page: str, post: Post) -> list[str]:
    """What people did on the page, as far as the post remembers it."""
    found = []
    if post.observed is not None and post.observed.drift:
        found.append((f"changed by someone else ({', '.join(post.observed.drift)})", post.observed.at))
    if post.closed_at:
        found.append(("closed by hand", post.closed_at))
    if post.theirs_at:
        found.append(("opened again by someone else", post.theirs_at))
    return [f"{page}: {what}, found at {from_ms(at)}" for what, at in found]


def _time(at: int) -> str | None:
    return from_ms(at) if at else None


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
