"""What was said of each region by alerts, by operators and by a person on the page: what must then hold of it.

Where two act at once, or a time runs out in between, nobody knows what came last: then nothing is claimed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from tests.chaos.checker import FOREVER
from tests.scenarios.vocabulary import now_ms

FREE = 202


class Deed(Struct, frozen=True, kw_only=True):
    """What an operator asked for, and how it was answered: by ``answered_at`` it was stored, if that was with 202."""

    region: str
    verb: str
    by: str
    asked_at: int
    answered_at: int
    status: int
    more: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether it was taken."""
        return self.status == FREE


class Ban(Struct, kw_only=True):
    """From ``since`` to ``until`` nothing may be written of a region (``opens``: nothing may be opened there).

    It ends with the first of the ``emptied`` instants at which nothing of it stands on the page.
    """

    region: str
    verb: str
    since: int
    until: int = FOREVER
    opens: bool = True


class Edit(Struct, frozen=True, kw_only=True):
    """What a person set on the page."""

    region: str
    remote_id: str
    at: int
    name: str = ""
    severity: str = ""


class Ledger:
    """Everything that was said, by region.

    ``closed``: whether a person or an operator has ended what still fires; None where that is not certain. ``taken``:
    likewise, whether it is taken over.
    """

    def __init__(self, *, reopens_long: bool) -> None:
        self._reopens_long = reopens_long
        self.deeds: list[Deed] = []
        self.bans: list[Ban] = []
        self.edits: list[Edit] = []
        self.emptied: dict[str, list[int]] = defaultdict(list)
        self.closed: dict[str, bool | None] = defaultdict(bool)
        self.taken: dict[str, bool | None] = defaultdict(bool)
        self.dismissed: set[str] = set()
        self.muted: dict[str, set[str]] = defaultdict(set)
        self.words: dict[str, list[str]] = defaultdict(list)
        self.said: dict[str, str | None] = defaultdict(str)
        self.worst: set[str] = set()
        self._timed: set[str] = set()
        self._firing: dict[str, set[str]] = defaultdict(set)

    def fires(self, region: str, fingerprint: str, severity: str) -> None:
        """Another alert was delivered."""
        if fingerprint not in self._firing[region] - self.muted[region]:
            self.said[region] = ""  # what was said stands as long as nothing more fires
        elif self.said[region]:
            self.said[region] = None
        self._firing[region].add(fingerprint)
        self.muted[region].discard(fingerprint)
        if severity == "critical":
            self.worst.add(region)
        if not self._reopens_long and self.closed[region]:
            self.closed[region] = None

    def ends(self, region: str, fingerprints: list[str]) -> None:
        """These alerts were delivered as resolved."""
        self._firing[region] -= set(fingerprints)
        self.muted[region] -= set(fingerprints)
        self._look(region)

    def _look(self, region: str) -> None:
        """What was said of an outage is over with it."""
        if self._firing[region] - self.muted[region]:
            if self._firing[region] & self.muted[region] and self.closed[region]:
                self.closed[region] = None
            return
        at = now_ms()
        self.emptied[region].append(at)
        is_certain = not (self._firing[region] and region in self._timed)  # the time of a mute may have run out
        self.closed[region] = None if self.closed[region] and not is_certain else False
        self.words[region].clear()
        self.said[region] = None
        self.dismissed.discard(region)
        for ban in self._bans(region, "dismiss"):
            ban.until = min(ban.until, at)

    def asks(self, region: str, verb: str) -> None:
        """Somebody is about to ask for this: from now on what it ends may have ended."""
        at = now_ms()
        ended = {"hand-back": ("take-over",), "release": ("hold",), "publish": ("hold", "dismiss")}.get(verb, ())
        for ban in self._bans(region, *ended):
            ban.until = min(ban.until, at)

    def _bans(self, region: str, *verbs: str) -> Iterator[Ban]:
        return (ban for ban in self.bans if ban.region == region and ban.verb in verbs)

    def acted(self, *deeds: Deed) -> None:
        """These were answered; several were asked for at once, so nobody knows which was the last."""
        self.deeds += deeds
        for deed in deeds:
            if deed.is_done:
                self._note(deed, is_alone=len(deeds) == 1)

    def _note(self, deed: Deed, *, is_alone: bool) -> None:
        region = deed.region
        match deed.verb:
            case "take-over" | "hand-back":
                self.taken[region] = deed.verb == "take-over" if is_alone else None
            case "dismiss":
                self.dismissed.add(region)
            case "publish":
                self.dismissed.discard(region)
            case "say":
                self.words[region].append(deed.more["text"])
                status = deed.more.get("status")
                self.said[region] = (status if is_alone else None) if status else self.said[region]
            case "resolve":
                self.words[region].clear()
                self.closes(region)
            case "mute" | "unmute":
                self._mute(deed)
        if is_alone and deed.verb in {"take-over", "hold", "dismiss"}:
            self._forbid(deed)

    def _forbid(self, deed: Deed) -> None:
        until = deed.asked_at + deed.more["for_ms"] if "for_ms" in deed.more else FOREVER
        opens = deed.verb != "take-over"
        ban = Ban(region=deed.region, verb=deed.verb, since=deed.answered_at, until=until, opens=opens)
        self.bans.append(ban)

    def _mute(self, deed: Deed) -> None:
        region, fingerprint = deed.region, deed.more["alert"]
        self.said[region] = None
        if deed.verb == "unmute":
            self.muted[region].discard(fingerprint)
            return
        if "for_ms" in deed.more:
            self._timed.add(region)
        self.muted[region].add(fingerprint)
        self._look(region)

    def closes(self, region: str, *, is_certain: bool = True) -> None:
        """Somebody ended it, maybe though it fires."""
        if not self._firing[region] - self.muted[region] and region not in self._timed:
            return
        is_certain = is_certain and not self.muted[region] and region not in self._timed
        self.closed[region] = True if is_certain else None

    def edited(self, edit: Edit) -> None:
        """A person has set this."""
        self.edits.append(edit)
        self.said[edit.region] = None

    def ends_take_over(self, region: str) -> None:
        """A person is about to resolve it on the page."""
        self.asks(region, "hand-back")
        if self.taken[region] is not False:
            self.taken[region] = None
