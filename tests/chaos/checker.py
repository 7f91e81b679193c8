"""Reads what the simulator saw and proves, or disproves, what was promised. Pure: it talks to nobody.

The history is all that counts: an incident that was open twice for a second, a mail that went out twice, a call on an
incident of others are found however well the page looks in the end.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from tests.scenarios.vocabulary import milliseconds

_REFERENCE = re.compile(r"\bReference: ([0-9A-Z]{10})\Z")  # words may quote one; ours stands at the end
FOREVER = 1 << 62


class Update(Struct, frozen=True, kw_only=True):
    """One incident update, posted ``at``, dated ``public_at`` for readers; so many ``mails`` went out for it."""

    id: str
    status: str
    text: str
    at: int
    public_at: int
    mails: int


class Incident(Struct, frozen=True, kw_only=True):
    """An incident as the simulator has it, ``updates`` from the first posted to the last.

    ``reference`` is the one its texts carry, empty for an incident of others. ``page`` is the one it is of, empty in
    v1, where it belongs to the account. ``severity`` is v1's, ``impacts`` are v3's: what its components suffer now.
    """

    id: str
    title: str
    page: str = ""
    reference: str
    ours: bool
    severity: str | None
    services: frozenset[str]
    impacts: dict[str, str] = {}
    updates: tuple[Update, ...]

    @property
    def status(self) -> str:
        """The status readers see."""
        return self.updates[-1].status

    def spans(self) -> Iterator[tuple[int, int]]:
        """From when to when it was open, once per opening."""
        since = None
        for update in self.updates:
            if update.status == "RESOLVED" and since is not None:
                yield since, update.at
                since = None
            elif update.status != "RESOLVED" and since is None:
                since = update.at
        if since is not None:
            yield since, FOREVER


class Wanted(Struct, frozen=True, kw_only=True):
    """What the page must show of an incident, by the final state of its alerts.

    ``severity`` None: everything is clear. ``services`` fire now; those in ``ever`` may still be shown, because
    services never leave an open incident. ``impacts`` is exactly what its components must suffer.
    """

    severity: str | None = None
    services: frozenset[str] = frozenset()
    ever: frozenset[str] = frozenset()
    impacts: dict[str, str] = {}
    may_be_unpublished: bool = False


class History(Struct, frozen=True, kw_only=True):
    """All that the simulator remembers, of an account whose pages have one subscriber each.

    An incident that is on no page (any more) is left out: it reaches no reader.
    """

    incidents: tuple[Incident, ...]
    calls: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, state: Mapping[str, Any], mails: Iterable[Any], calls: Iterable[Any]) -> History:
        """From the answers of the control endpoint."""
        mailed = Counter(mail["update"] for mail in mails)
        seen = (each for each in state["incidents"] if each["pages"])
        return cls(incidents=tuple(_incident(each, mailed) for each in seen), calls=tuple(calls))

    def titled(self, title: str) -> list[Incident]:
        """Our incidents of this title, the oldest first."""
        found = (each for each in self.incidents if each.ours and each.title == title)
        return sorted(found, key=lambda each: each.updates[0].at)


class Verdict(Struct, frozen=True, kw_only=True):
    """Every breach in words, by the promise it breaks."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def breaches(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.lost, *self.doubled, *self.wrong)


def judge(
    history: History,
    wanted: Mapping[str, Wanted],
    *,
    mailed: Mapping[str, Sequence[str]] | None = None,
    late_duplicates: int = 0,
    may_lack_mails: bool = False,
) -> Verdict:
    """Whether the history keeps the promises, for incidents ``wanted`` by title.

    ``mailed`` are the statuses that subscribers must have been mailed, where the campaign knows them exactly.
    ``late_duplicates`` incidents may have been open beside another of the same reference: writes that came true later
    than the settle time. They must have been resolved without a mail all the same. ``may_lack_mails``: a policy may
    keep the mail of a turn back.
    """
    ours = [incident for incident in history.incidents if incident.ours]
    by_reference: dict[tuple[str, str], list[Incident]] = defaultdict(list)
    for incident in ours:
        by_reference[incident.reference, incident.page].append(incident)
    doubled: list[str] = []
    for incidents in by_reference.values():
        overlaps = list(_overlaps(incidents))
        late_duplicates -= len(overlaps)
        doubled += overlaps if late_duplicates < 0 else ()
        doubled += () if overlaps or may_lack_mails else _mails_twice(incidents)
    doubled += (breach for incident in ours for breach in _updates_twice(incident))
    lost = list(unmet(history, wanted))
    for name, statuses in (mailed or {}).items():
        found = _mailed(history.titled(name))
        if found != list(statuses):
            breaches = lost if len(found) < len(statuses) else doubled
            breaches.append(f"{name}: mailed were {found}, not {list(statuses)}")
    return Verdict(
        lost=tuple(lost),
        doubled=tuple(doubled),
        wrong=(*_touched(history), *(breach for incident in ours for breach in _unsound(incident))),
    )


def unmet(history: History, wanted: Mapping[str, Wanted]) -> Iterator[str]:
    """What the page does not show though the alerts say so."""
    for name, want in wanted.items():
        found = history.titled(name)
        standing = [incident for incident in found if incident.status != "RESOLVED"]
        if not found and not want.may_be_unpublished:
            yield f"{name}: was never published"
        elif want.severity is None and standing:
            yield f"{name}: is open though everything has cleared"
        elif want.severity is not None:
            yield from _unmet_open(name, standing, want)


def _unmet_open(name: str, standing: list[Incident], want: Wanted) -> Iterator[str]:
    if not standing:
        yield f"{name}: is not open though its alerts fire"
        return
    shown = standing[-1]
    if shown.status == "MONITORING":
        yield f"{name}: shows MONITORING though its alerts fire"
    told = _told(shown.updates[-1])
    if shown.severity not in {None, want.severity} or f"{want.severity}" not in told:
        yield f"{name}: shows {shown.severity}, tells {told!r}, wanted is {want.severity}"
    if not want.services <= shown.services <= want.services | want.ever:
        yield f"{name}: shows {sorted(shown.services)}, wanted are {sorted(want.services)}"
    if shown.impacts != want.impacts:
        yield f"{name}: its components suffer {shown.impacts}, wanted is {want.impacts}"


def _told(update: Update) -> str:
    """The text without its reference."""
    return update.text.partition("\n")[0]


def _mailed(incidents: Iterable[Incident]) -> list[str]:
    updates = sorted((each for incident in incidents for each in incident.updates), key=lambda each: each.at)
    return [each.status for each in updates for _ in range(each.mails)]


def _overlaps(incidents: Iterable[Incident]) -> Iterator[str]:
    spans = sorted((start, end, incident.id) for incident in incidents for start, end in incident.spans())
    for (_, end, one), (start, _, other) in pairwise(spans):
        if start < end:
            yield f"two incidents were open at once for one reference: {one} and {other}"


def _mails_twice(incidents: Iterable[Incident]) -> Iterator[str]:
    """The openings and the ends that were mailed must alternate."""
    told = sorted((each.at, incident.id, each) for incident in incidents for each in incident.updates if each.mails)
    ends = [(incident, update) for _, incident, update in told if _is_turn(update)]
    for (one, before), (other, after) in pairwise(ends):
        if (before.status == "RESOLVED") == (after.status == "RESOLVED"):
            yield f"mailed {after.status} twice in a row: {one} and {other}"


def _is_turn(update: Update) -> bool:
    """Whether a mail tells of an opening or an end; the configuration's texts of other updates begin with Update."""
    return not update.text.startswith("Update:")


def _updates_twice(incident: Incident) -> Iterator[str]:
    for update in incident.updates:
        if update.mails > 1:
            yield f"mailed {update.mails} times for one update of {incident.id}"
    for before, after in pairwise(incident.updates):
        if (before.status, before.text) == (after.status, after.text):
            yield f"posted twice in a row on {incident.id}: {after.status} {_told(after)!r}"


def _touched(history: History) -> Iterator[str]:
    """Writes to incidents of others, and deletions of any."""
    others = {incident.id for incident in history.incidents if not incident.ours}
    for call in history.calls:
        if call["method"] == "DELETE" or (call["method"] != "GET" and others.intersection(call["path"].split("/"))):
            yield f"call {call['number']}: {call['method']} {call['path']} touches what is not ours"


def _unsound(incident: Incident) -> Iterator[str]:
    if not incident.reference:
        yield f"{incident.id} carries no reference, or several"
    for before, after in pairwise(incident.updates):
        if before.status == after.status == "RESOLVED":
            yield f"{incident.id} was resolved when it was resolved already"
        if after.public_at < before.public_at:
            yield f"{incident.id}: the public dates run backwards"
    for update in incident.updates:
        if update.public_at > update.at:
            yield f"{incident.id}: a public date lies in the future by {update.public_at - update.at} ms"


def title(name: str, page: str) -> str:
    """What tells an incident from others: its name, and the page that it is of."""
    return f"{name} on {page}" if page else name


def _incident(data: Mapping[str, Any], mailed: Mapping[str, int]) -> Incident:
    page = data["pages"][0] if data["api"] == "v3" else ""
    updates = tuple(_update(each, mailed) for each in reversed(data["incidentUpdates"]))
    references = {found for update in updates for found in _REFERENCE.findall(update.text)}
    return Incident(
        id=data["id"],
        title=title(data["name"], page),
        page=page,
        reference=references.pop() if len(references) == 1 else "",
        ours=data["origin"] == "api",
        severity=data["severity"],
        services=frozenset(service["name"] for service in data["services"]),
        impacts={name: impact for name, impact in data["impacts"].items() if impact != "OPERATIONAL"},
        updates=updates,
    )


def _update(data: Mapping[str, Any], mailed: Mapping[str, int]) -> Update:
    return Update(
        id=data["id"],
        status=data["status"],
        text=data["description"],
        at=milliseconds(data["created_at"]),
        public_at=milliseconds(data["publicIncidentUpdateDate"]),
        mails=mailed.get(data["id"], 0),
    )
