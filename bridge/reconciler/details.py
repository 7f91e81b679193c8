"""What single incidents tell that a list leaves out: each is read once until it changes, by whichever replica."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.checkly.errors import Gone, NotSent, PageError, RateLimited
from bridge.core.compose import reference_line, references_in
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.reconciler.budget import looking

if TYPE_CHECKING:
    from bridge.checkly.port import Guard, StatusPage
    from bridge.store import Store

READS_AT_A_TIME = 20
READING_S = 2.0  # no step reads for longer, not counting the read that is under way
UNVERSIONED_S = 600.0


class Unfinished(PageError):
    """Nothing was written, and nothing failed: there is more to read than one step may. To be gone on with soon."""


class Clues(Struct, frozen=True, kw_only=True):
    """What a list would tell of the incident that is looked for. ``at`` is about when it was made; 0: unknown."""

    services: frozenset[str] = frozenset()
    name: str = ""
    at: int = 0

    def distance(self, listed: RemoteIncident) -> tuple[bool, bool, int]:
        """Sorts what is worth reading first before the rest: by name, by services, by date, else the newest first."""
        age = abs(listed.created_at - self.at) if self.at else -listed.created_at
        return listed.name != self.name, not listed.concerns & self.services, age


class Trace(Struct, frozen=True, array_like=True):
    """What of an update tells whose it is: the reference at its end, else empty, and its dates."""

    reference: str
    public_at: int
    created_at: int

    @classmethod
    def of(cls, update: RemoteUpdate) -> Trace:
        """Without the words, which may be others'."""
        return cls(next(iter(references_in(update.text)), ""), update.public_at, update.created_at)

    def update(self) -> RemoteUpdate:
        """An update that has the same trace."""
        text = reference_line(self.reference) if self.reference else ""
        return RemoteUpdate(id="", status=None, text=text, public_at=self.public_at, created_at=self.created_at)


class Details(Struct, frozen=True, array_like=True):
    """The traces of an incident's updates, and the ``versions`` of it that have them."""

    versions: tuple[str, ...]
    traces: tuple[Trace, ...]


class Reader:
    """Completes the lists of one page. ``monotonic`` is in seconds. Every method raises StoreUnavailable."""

    def __init__(self, page: StatusPage, store: Store, *, monotonic: Callable[[], float]) -> None:
        self._page = page
        self._store = store
        self._monotonic = monotonic
        self._details: dict[str, Details] = {}
        self._unversioned: dict[str, float] = {}  # when those were read that tell no version

    async def complete(self, listed: Iterable[RemoteIncident]) -> list[RemoteIncident]:
        """The same list, with the updates of all incidents that were read since they changed. Forgets all others."""
        listed = list(listed)
        self._details = {each.id: self._details[each.id] for each in listed if each.id in self._details}
        self._unversioned = {each.id: at for each in listed if (at := self._unversioned.get(each.id)) is not None}
        lacking = [each.id for each in listed if not self._filled(each).is_whole and each.version]
        for remote_id, packed in (await self._store.recall(lacking)).items():
            try:
                self._details[remote_id] = msgspec.msgpack.decode(packed, type=Details)
            except msgspec.MsgspecError:
                continue  # another release wrote it: read the incident again
        return [self._filled(each) for each in listed]

    async def read(
        self, unread: Sequence[RemoteIncident], *, is_enough: Callable[[RemoteIncident], bool], guard: Guard
    ) -> list[RemoteIncident]:
        """Read some of these by themselves, the first first; stop at one that is what is looked for.

        There may be many, so these are looks, whatever they are for, unless an end waits for one of them.
        Those that were read, with their updates, or as they are listed if they are gone: fewer if the page or the
        budget did not allow for more. Raises PageError if it allowed for none.
        """
        began_at, done, kept = self._monotonic(), [], {}
        for each in unread[:READS_AT_A_TIME]:
            if self._monotonic() >= began_at + READING_S:
                break
            try:
                with looking():
                    whole = await self._page.read(each.id, guard=guard)
            except Gone:
                done.append(each)
                continue
            except (NotSent, RateLimited):
                if done:
                    break
                raise
            details = self._keep(each, whole)
            if each.version:
                kept[each.id] = msgspec.msgpack.encode(details)
            done.append(self._filled(each))
            if is_enough(done[-1]):
                break
        await self._store.remember(kept)
        return done

    def _keep(self, listed: RemoteIncident, whole: RemoteIncident) -> Details:
        versions = tuple(dict.fromkeys(version for version in (listed.version, whole.version) if version))
        details = self._details[listed.id] = Details(versions, tuple(map(Trace.of, whole.updates)))
        if not listed.version:
            self._unversioned[listed.id] = self._monotonic()
        return details

    def _filled(self, listed: RemoteIncident) -> RemoteIncident:
        details = None if listed.is_whole else self._details.get(listed.id)
        if details is None:
            return listed
        read_at = self._unversioned.get(listed.id, float("-inf"))
        is_known = listed.version in details.versions if listed.version else self._is_recent(read_at)
        if not is_known:
            return listed
        return replace(listed, updates=tuple(trace.update() for trace in details.traces), is_whole=True)

    def _is_recent(self, read_at: float) -> bool:
        return self._monotonic() < read_at + UNVERSIONED_S
