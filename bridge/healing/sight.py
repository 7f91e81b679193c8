"""What senders show when each is asked once, by a person who wants to know whether healing can see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.config.units import format_duration
from bridge.core.healing.ours import kin_of
from bridge.core.healing.seen import PeerError, Poll
from bridge.pagerduty_api.errors import Kind, PagerDutyError
from bridge.senders.pagerduty.snapshot import is_over

if TYPE_CHECKING:
    from bridge.config.healing import Cluster, PagerDutyHealing
    from bridge.core.healing.pagerduty import OpenAlert
    from bridge.pagerduty_api.client import Client

MOST_ASKED: Final = 20  # incidents, the first of which is the one not heard of for the longest
NOBODY: Final = "P0"  # an id that no incident has: who may ask about it is told so
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"))


class Sight(Struct, frozen=True, kw_only=True):
    """What one ``address`` of a ``sender`` shows, in words; ``problem`` is what keeps healing from seeing, if anything.

    No word of it is from an answer.
    """

    sender: str
    address: str
    shows: str = ""
    problem: str = ""


async def see_cluster(
    cluster: Cluster, poll: Callable[[Cluster, str], Awaitable[Poll]], ours: Collection[str] | None
) -> list[Sight]:
    """What each peer shows; ``ours`` are the fingerprints of our alerts that are open, None where nobody knows."""
    found = []
    for url in cluster.urls:
        try:
            seen = await poll(cluster, url)
        except PeerError as error:
            found.append(Sight(sender=cluster.name, address=url, problem=f"{error.kind}: {error.detail}"))
            continue
        found.append(_of_peer(cluster, url, seen, ours))
    return found


def _of_peer(cluster: Cluster, url: str, seen: Poll, ours: Collection[str] | None) -> Sight:
    signs = [
        each for each in seen.alerts.values() if all(matcher.matches(each.labels) for matcher in cluster.alive.matchers)
    ]
    kin = [kin_of(each.labels, cluster.alive.same) for each in signs]
    said = ["does not say since when it is up" if seen.age_ms is None else f"up {_roughly(seen.age_ms)}"]
    said += [] if seen.is_settled else ["its cluster is not settled"]
    said.append(f"lists {_count(len(seen.alerts), 'alert')}")
    problem = ""
    if not signs:
        problem = "shows no sign of life: nothing that it lists fits alive.match, so nothing is closed by it"
    elif cluster.alive.same and not any(kin):
        problem = "shows no sign of life that has the labels of alive.same, so nothing is closed by it"
    elif len(set(kin)) < len(signs):
        said.append(
            f"shows {len(signs)} signs of life: if they are of several Prometheus, alive.same must name a label"
        )
    else:
        said.append("shows a sign of life")
    if ours is not None:
        said.append(f"{sum(each in seen.alerts for each in ours)} of them of our {_count(len(ours), 'open one')}")
    return Sight(sender=cluster.name, address=url, shows=", ".join(said), problem=problem)


async def see_account(
    entry: PagerDutyHealing, address: str, client: Client, ours: Sequence[OpenAlert] | None
) -> list[Sight]:
    """What the account shows; ``ours`` are its incidents that are open here, None where nobody knows."""
    sender = f"pagerduty {entry.sender}".strip()
    said, problems = [], []
    for see in (_of_incidents(client, ours), _of_subscription(client, entry.subscription)):
        try:
            shown, problem = await see
        except PagerDutyError as error:
            shown, problem = "", f"{error.kind}: {error.detail}"
        said += [shown] if shown else []
        problems += [problem] if problem and problem not in problems else []
    return [Sight(sender=sender, address=address, shows=", ".join(said), problem="; ".join(problems))]


async def _of_incidents(client: Client, ours: Sequence[OpenAlert] | None) -> tuple[str, str]:
    asked = sorted(ours or (), key=lambda each: each.seen_at)[:MOST_ASKED]
    if not asked:
        await _status(client, NOBODY)
        return "accepts the key" if ours is None else "accepts the key, no incident of ours is open", ""
    statuses = [await _status(client, each.decided_by) for each in asked]
    counts = {each: statuses.count(each) for each in ("open", "over", "unknown") if each in statuses}
    said = ", ".join(f"{count} {word}" for word, count in counts.items())
    some = f"{len(asked)} of " if ours and len(asked) < len(ours) else ""
    return f"shows of {some}our {_count(len(ours or ()), 'open incident')}: {said}", ""


async def _status(client: Client, id_: str) -> str:
    try:
        return "over" if is_over(await client.incident(id_)) else "open"
    except PagerDutyError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return "unknown"


async def _of_subscription(client: Client, id_: str) -> tuple[str, str]:
    if not id_:
        return "", ""
    try:
        subscription = await client.subscription(id_)
    except PagerDutyError as error:
        if error.kind is Kind.NOT_FOUND:
            return "", f"has no webhook subscription {id_}"
        raise
    return ("its subscription delivers", "") if subscription.delivers else ("", f"the subscription {id_} is off")


def _roughly(ms: int) -> str:
    """A duration by its largest unit: nobody cares for the seconds of days."""
    return next((f"{ms // size}{unit}" for size, unit in _UNITS if ms >= size), format_duration(ms // 1000 * 1000))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
