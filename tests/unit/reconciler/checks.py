"""Every promise as a question to the store, the page and the expectation: each function tells what is broken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridge.model import Incident, Phase
from tests.unit.reconciler.page_harness import SECOND
from tests.unit.reconciler.senders import CANARY
from tests.unit.store.reference import CLOCKS, NEVER, Kept

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident
    from tests.unit.reconciler.expectation import Expectation
    from tests.unit.reconciler.page import Page


def not_as_said(kept: Mapping[str, Any], expected: Expectation) -> Iterator[str]:
    """Where the store differs from what the messages add up to. ``kept`` is all it holds."""
    due = {id_: incident.due for id_, incident in expected.incidents.items()}
    yield from _differ("due", kept.get("due", {}), due)
    yield from _differ("index", kept.get("index", {}), {name: id_.encode() for name, id_ in expected.index.items()})
    for id_, incident in expected.incidents.items():
        path = f"incident:{id_}"
        names = ("rev", "firing", "held", "outage_started_at", "outage_ended_at")
        numbers = (incident.revision, incident.count("F"), incident.count("H"), incident.starts, incident.ends)
        yield from _differ(path, [int(kept.get(path, {}).get(name, -1)) for name in names], list(numbers))
        yield from _differ(
            f"{path}: clocks", {name: int(kept.get(path, {}).get(name, 0)) for name in CLOCKS}, incident.clocks
        )
        facets = {facet: int(count) for facet, count in kept.get(f"{path}:facets", {}).items()}
        yield from _differ(f"{path}:facets", facets, dict(incident.facets()))
        yield from _differ(f"{path}:alerts", _alerts(kept.get(f"{path}:alerts", {})), _expected_alerts(incident))


def forgotten(page: Page, others: Collection[str], expected: Expectation) -> Iterator[str]:
    """Incidents that stand otherwise than their alerts, and that nobody will look at."""
    standing = open_by_reference(page, others)
    for id_, incident in expected.incidents.items():
        is_owed = (incident.count("F") > 0) != (id_ in standing) or incident.count("H") > 0
        if is_owed and incident.due >= NEVER and not expected.is_kept_back(id_):
            yield f"{id_} is not due though it is owed something"


def doubled(page: Page, others: Collection[str], *, may_be_quiet: bool = False) -> Iterator[str]:
    """Second open incidents of one key, updates that were told twice, mails without an opening or an end.

    And openings and ends without a mail, but where a policy ``may_be_quiet``.
    """
    for id_, incidents in open_by_reference(page, others).items():
        if len(incidents) > 1:
            yield f"{id_} is open {len(incidents)} times"
    turns = 0
    for incident in _ours(page, others):
        told = [(update.text, update.public_at // SECOND) for update in incident.updates]
        if len(told) > len(set(told)):
            yield f"{incident.id} tells something twice: {told}"
        statuses = [update.status for update in reversed(incident.updates)]
        turns += statuses.count(Phase.RESOLVED)
        turns += sum(before is Phase.RESOLVED is not after for before, after in pairwise([Phase.RESOLVED, *statuses]))
    if not may_be_quiet or len(page.mails) > turns:
        yield from _differ("mails", len(page.mails), turns)


def unsound(page: Page, others: Mapping[str, RemoteIncident], now: int) -> Iterator[str]:
    """Dates out of order or in the future, words that are not public, and changes of what others made."""
    for incident in page.incidents:
        if incident.id in others:
            yield from _differ(incident.id, incident, others[incident.id])
            continue
        dates = [update.public_at for update in incident.updates]
        if any(later < earlier + SECOND for later, earlier in pairwise(dates)) or dates[0] > now:
            yield f"{incident.id} has the dates {dates}, now is {now}"
        if any(CANARY in text for text in (incident.name, *(update.text for update in incident.updates))):
            yield f"{incident.id} tells what is not public"


def not_converged(
    page: Page, others: Collection[str], expected: Expectation, held: Iterable[Incident]
) -> Iterator[str]:
    """What readers see otherwise than the alerts say, after all is quiet; and writes whose outcome nobody learned."""
    standing = open_by_reference(page, others)
    yield from (f"{id_} is open though nothing is known of it" for id_ in standing.keys() - expected.incidents.keys())
    for id_ in expected.incidents.keys() - expected.ended_by_order:
        shown, found = expected.shown(id_), standing.get(id_, [])
        if shown is None or len(found) != 1:
            yield from _differ(f"{id_}: open incidents", len(found), int(shown is not None))
            continue
        is_right = found[0].status in shown.statuses and found[0].severity is shown.severity
        if not is_right or not shown.services <= set(found[0].services):
            yield f"{id_} shows {found[0]}, expected {shown}"
    for incident in held:
        yield from (f"{incident.id} has an intent left" for post in incident.progress.posts.values() if post.intent)


def open_by_reference(page: Page, others: Collection[str]) -> dict[str, list[RemoteIncident]]:
    """What the bridge has open on the page, by the reference in its first text."""
    found: dict[str, list[RemoteIncident]] = {}
    for incident in _ours(page, others):
        if incident.status is not Phase.RESOLVED:
            found.setdefault(incident.updates[-1].text.rpartition("Reference: ")[2], []).append(incident)
    return found


def _ours(page: Page, others: Collection[str]) -> list[RemoteIncident]:
    return [incident for incident in page.incidents if incident.id not in others]


def _alerts(kept: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {
        name: (
            record["state"],
            record["starts"],
            record["counts_from"] or record["starts"],
            record["ends"],
            record["observed"],
        )
        for name, record in kept.items()
    }


def _expected_alerts(incident: Kept) -> dict[str, tuple[Any, ...]]:
    return {
        name: (each.status, each.starts, each.counts_from, each.ends, each.observed)
        for name, each in incident.alerts.items()
    }


def _differ(what: str, actual: object, expected: object) -> Iterator[str]:
    if actual != expected:
        yield f"{what} is {actual}, expected {expected}"
