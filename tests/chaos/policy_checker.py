"""Whether the page kept to what operators, people and budgets say. Pure: it reads the history and the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.chaos.campaign_servers import name
from tests.chaos.checker import History
from tests.chaos.operators import BY_HAND

if TYPE_CHECKING:
    from tests.chaos.checker import Incident, Update
    from tests.chaos.ledger import Ban, Ledger

GRACE_MS = 500  # a request that was leaving
DELAYED_MS = 1_500  # until one that Checkly delays is to be seen
OPEN_STATUSES = frozenset({"INVESTIGATING", "IDENTIFIED", "MONITORING"})


class Fires(Struct, frozen=True):
    """What fires in a region: the severity, the services, and those for which anything ever fired."""

    severity: str
    services: frozenset[str]
    ever: frozenset[str]


class Page(Struct, frozen=True):
    """What the page shows and showed, by region; ``regions`` are by the reference of their incidents."""

    history: History
    regions: Mapping[str, str]

    def of(self, region: str) -> list[Incident]:
        """The incidents of a region, the oldest first."""
        found = [each for each in self.history.incidents if each.ours and self.regions.get(each.reference) == region]
        return sorted(found, key=lambda each: each.updates[0].at)

    def standing(self, region: str) -> Incident | None:
        """What is open of it."""
        return next((each for each in self.of(region) if each.status != "RESOLVED"), None)

    def is_open_at(self, region: str, at: int) -> bool:
        """Whether something of it was."""
        return any(since <= at < until for each in self.of(region) for since, until in each.spans())

    def texts(self, region: str) -> str:
        """All that was told of it."""
        return "\n".join(update.text for each in self.of(region) for update in each.updates)


def is_ours(update: Update) -> bool:
    """Whether the bridge posted it."""
    return not update.text.startswith(BY_HAND)


def openings(incident: Incident) -> Iterator[Update]:
    """The updates by which the bridge opened it, or opened it again."""
    before = "RESOLVED"
    for update in incident.updates:
        if before == "RESOLVED" and update.status != "RESOLVED" and is_ours(update):
            yield update
        before = update.status


def forbidden(page: Page, ledger: Ledger) -> Iterator[str]:
    """What was written though somebody had taken over, or opened though it was on hold or dismissed."""
    for ban in ledger.bans:
        until = _end_of(ban, page, ledger)
        if ban.opens:
            written = [update.at for each in page.of(ban.region) for update in openings(each)]
        else:
            written = list(_writes(page, ban.region))
        since = ban.since + GRACE_MS + (DELAYED_MS if ban.opens else 0)
        for at in written:
            if since < at < until:
                yield f"{ban.region}: written {at - ban.since} ms after {ban.verb}, {until - at} ms before its end"


def _end_of(ban: Ban, page: Page, ledger: Ledger) -> int:
    if ban.verb != "take-over":
        return ban.until
    emptied = (at for at in ledger.emptied[ban.region] if at >= ban.since and not page.is_open_at(ban.region, at))
    return min([ban.until, *emptied])


def _writes(page: Page, region: str) -> Iterator[int]:
    """When the bridge sent a write of this region."""
    ids = {each.id for each in page.of(region)}
    for call in page.history.calls:
        if call["method"] == "GET":
            continue
        if ids.intersection(call["path"].split("/")) or (call["request"] or {}).get("name") == name(region):
            yield call["at"]


def unmailed_ends(page: Page, regions: Sequence[str]) -> Iterator[str]:
    """Ends that the bridge posted without a mail though the opening before had one."""
    for region in regions:
        for incident in page.of(region):
            told = {update.id for update in openings(incident) if update.mails}
            is_told = False
            for update in incident.updates:
                is_told = is_told or update.id in told
                if update.status != "RESOLVED":
                    continue
                if is_told and is_ours(update) and not update.mails:
                    yield f"{region}: who was mailed the start of {incident.id} was not mailed its end"
                is_told = False


def undone(page: Page, ledger: Ledger) -> Iterator[str]:
    """What a person has set on the page, and is not so any more."""
    shown = {each.id: each for each in page.history.incidents}
    latest = {(edit.remote_id, bool(edit.name)): edit for edit in ledger.edits}
    for edit in latest.values():
        incident = shown[edit.remote_id]
        if edit.name and incident.title != edit.name:
            yield f"{edit.region}: the name that a person gave is {incident.title!r} now"
        if edit.severity and edit.region not in ledger.worst and incident.severity != edit.severity:
            yield f"{edit.region}: the severity that a person set is {incident.severity} now"


def mailed(page: Page) -> int:
    """How many mails the bridge had sent."""
    return sum(update.mails for each in page.history.incidents if each.ours for update in each.updates)


def opened(page: Page) -> int:
    """How often the bridge opened something."""
    return sum(1 for each in page.history.incidents if each.ours for _ in openings(each))


def unmet(page: Page, ledger: Ledger, wanted: Mapping[str, Fires]) -> Iterator[str]:
    """What the page does not show of the regions that fire though all that kept it back has ended."""
    for region, want in wanted.items():
        closed, standing = ledger.closed[region], page.standing(region)
        if closed is None:
            continue
        if closed and standing is not None:
            yield f"{region}: is open though a person has ended it"
        elif not closed and standing is None:
            yield f"{region}: is not open though its alerts fire"
        elif not closed and standing is not None:
            yield from (f"{region}: {each}" for each in _differs(standing, want, ledger, region))
            told = page.texts(region)
            yield from (
                f"{region}: {words!r} never reached the page" for words in ledger.words[region] if words not in told
            )


def _differs(standing: Incident, want: Fires, ledger: Ledger, region: str) -> Iterator[str]:
    said = ledger.said[region]
    statuses = OPEN_STATUSES if said is None else {said or "INVESTIGATING"}
    if standing.status not in statuses:
        yield f"shows {standing.status}, wanted is {sorted(statuses)}"
    by_hand = {edit.severity for edit in ledger.edits if edit.remote_id == standing.id and edit.severity}
    if standing.severity not in {want.severity, *by_hand}:
        yield f"shows {standing.severity}, wanted is {want.severity}"
    if not want.services <= standing.services <= want.ever:
        yield f"shows {sorted(standing.services)}, wanted are {sorted(want.services)}"
