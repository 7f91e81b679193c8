"""One entry of a history: the closed set of what it may tell, and what each means in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from bridge.json_values import from_ms

Value: TypeAlias = str | int | tuple[str, ...]
TEXT_BYTES: Final = 120
"""Longer texts of a detail are cut: a hundred entries have to fit into few KiB."""
_FIRST: Final = ("alerts", "more", "phase", "was", "page", "write", "status", "severity")
_LAST: Final = ("code", "ms", "remote_id", "times", "till")


class By(StrEnum):
    """Who caused it."""

    SENDER = "sender"
    BRIDGE = "bridge"
    PERSON = "person"
    OPERATOR = "operator"


class What(StrEnum):
    """What an entry tells. Stored: a word keeps its meaning."""

    ALERTS_BEGAN = "alerts_began"
    ALERTS_ENDED = "alerts_ended"
    ALERTS_HEALED = "alerts_healed"
    ALERTS_WITHDRAWN = "alerts_withdrawn"
    ALERTS_HELD = "alerts_held"
    ALERTS_TRUSTED = "alerts_trusted"
    ALERTS_UNMUTED = "alerts_unmuted"
    ALERTS_MERGED = "alerts_merged"
    ALERTS_JOINED = "alerts_joined"
    ALERTS_LEFT = "alerts_left"
    ALERTS_CHANGED = "alerts_changed"
    ALERTS_REFUSED = "alerts_refused"
    NOTE_WRITTEN = "note_written"
    ACTION = "action"
    PHASE = "phase"
    FLAPPING_BEGAN = "flapping_began"
    FLAPPING_ENDED = "flapping_ended"
    EPISODE_BEGAN = "episode_began"
    WITHHELD = "withheld"
    LET_GO = "let_go"
    QUIET = "quiet"
    OBSERVED = "observed"
    OUTBID = "outbid"
    WRITE_BEGUN = "write_begun"
    WRITE_DONE = "write_done"
    WRITE_NEEDLESS = "write_needless"
    WRITE_UNDATED = "write_undated"
    WRITE_NOT_SENT = "write_not_sent"
    WRITE_REFUSED = "write_refused"
    WRITE_UNKNOWN = "write_unknown"
    WRITE_MISSING = "write_missing"
    WRITE_FOUND = "write_found"
    WRITE_LOST = "write_lost"
    END_FOUND = "end_found"
    ADOPTED = "adopted"
    RECLAIMED = "reclaimed"
    DUPLICATES_CLOSED = "duplicates_closed"
    READ_BEHIND = "read_behind"
    READ_FAILED = "read_failed"
    MISSING = "missing"
    ENDED_BY_ORDER = "ended_by_order"
    CLOSED_BY_HAND = "closed_by_hand"
    DELETED_BY_HAND = "deleted_by_hand"
    REOPENED_BY_HAND = "reopened_by_hand"
    EDITED_BY_HAND = "edited_by_hand"
    CONFIG_CHANGED = "config_changed"
    ROUTE_GONE = "route_gone"
    PAGE_RENAMED = "page_renamed"
    PAGE_BEGAN_ANEW = "page_began_anew"
    CHANGED = "changed"
    LEFT_OUT = "left_out"


_BRIDGE: Final = (By.BRIDGE,)
_SENDER: Final = (By.SENDER,)
_PERSON: Final = (By.PERSON,)
_OPERATOR: Final = (By.OPERATOR,)

MEANINGS: Final[Mapping[What, tuple[tuple[By, ...], str]]] = {
    What.ALERTS_BEGAN: (_SENDER, "alerts fire"),
    What.ALERTS_ENDED: (_SENDER, "alerts are over"),
    What.ALERTS_HEALED: (_BRIDGE, "their sender shows that alerts are over, and never said so: closed (`healing`)"),
    What.ALERTS_WITHDRAWN: (_SENDER, "alerts got labels that are published nowhere: they are over here"),
    What.ALERTS_HELD: (_SENDER, "alerts fire again so soon that it may be an old message: held for `hold_refire`"),
    What.ALERTS_TRUSTED: (_BRIDGE, "held alerts were not taken back: they count"),
    What.ALERTS_UNMUTED: (_BRIDGE, "the time is over for which an operator had muted alerts: they count again"),
    What.ALERTS_MERGED: (_SENDER, "alerts were merged into another"),
    What.ALERTS_JOINED: (_SENDER, "alerts came from another incident: their labels changed"),
    What.ALERTS_LEFT: (_SENDER, "alerts went to another incident"),
    What.ALERTS_CHANGED: (
        (By.SENDER, By.PERSON, By.OPERATOR),
        "alerts count otherwise: labels changed (sender), acknowledged (person), another configuration (operator)",
    ),
    What.ALERTS_REFUSED: (_SENDER, "new alerts were not stored: `limits`"),
    What.NOTE_WRITTEN: (_PERSON, "words for the public were written at the sender"),
    What.ACTION: (
        (By.OPERATOR, By.PERSON),
        "an operator acted; `by` has their name behind a colon. By a person: an update on the page took it over",
    ),
    What.PHASE: (_BRIDGE, "the incident moved to another phase"),
    What.FLAPPING_BEGAN: (_BRIDGE, "it began to flap: its alerts come and go, and the public is told once (`flap`)"),
    What.FLAPPING_ENDED: (
        _BRIDGE,
        "flapping ended: its alerts are over, or have fired without a break for `flap.settle`",
    ),
    What.EPISODE_BEGAN: (_BRIDGE, "it fired again after `reopen_after`: another outage, with a history of its own"),
    What.WITHHELD: (_BRIDGE, "it is kept back: by an operator, a budget, or an incident of someone else"),
    What.LET_GO: (_BRIDGE, "nothing keeps it back any more"),
    What.QUIET: (_BRIDGE, "it goes out without a mail, for this reason"),
    What.OBSERVED: (_BRIDGE, "it goes as if there were no budget, which is only observed (`mode`) and would say this"),
    What.OUTBID: (_BRIDGE, "another incident took the last of the budget: the gate is asked again"),
    What.WRITE_BEGUN: (
        _BRIDGE,
        "the write is recorded, and about to be sent; its outcome takes the place of this entry",
    ),
    What.WRITE_DONE: (_BRIDGE, "the page has taken the write"),
    What.WRITE_NEEDLESS: (_BRIDGE, "the page shows it already: nothing was sent"),
    What.WRITE_UNDATED: (_BRIDGE, "the page refused the date: sent again without one"),
    What.WRITE_NOT_SENT: (_BRIDGE, "the write did not happen: tried again"),
    What.WRITE_REFUSED: (_BRIDGE, "the page refuses the write for good: parked"),
    What.WRITE_UNKNOWN: (_BRIDGE, "the answer was lost: the write may have happened, and is looked for"),
    What.WRITE_MISSING: (_BRIDGE, "looked for a write of unknown outcome: not there so far"),
    What.WRITE_FOUND: (_BRIDGE, "the write of unknown outcome stands on the page: adopted"),
    What.WRITE_LOST: (_BRIDGE, "the write of unknown outcome counts as lost: it is repeated if it is still wanted"),
    What.END_FOUND: (_BRIDGE, "the page shows an end of ours that nobody had recorded"),
    What.ADOPTED: (_BRIDGE, "an incident of ours was found that nothing was recorded of: it goes on"),
    What.RECLAIMED: (_BRIDGE, "what someone else had closed is open by an update of ours: it is ours again"),
    What.DUPLICATES_CLOSED: (_BRIDGE, "late duplicates of a repeated write were closed without a mail"),
    What.READ_BEHIND: (_BRIDGE, "the page was read as it was before our last write: read again"),
    What.READ_FAILED: (_BRIDGE, "the page could not be read: tried again"),
    What.MISSING: (_BRIDGE, "the page says that our incident does not exist: asked again"),
    What.ENDED_BY_ORDER: (_BRIDGE, "the page shows the end that an operator ordered: it stays as one by hand does"),
    What.CLOSED_BY_HAND: (_PERSON, "someone else closed it on the page"),
    What.DELETED_BY_HAND: (_PERSON, "someone else deleted it from the page"),
    What.REOPENED_BY_HAND: (_PERSON, "someone else opened it again on the page"),
    What.EDITED_BY_HAND: (_PERSON, "someone else edited it on the page"),
    What.CONFIG_CHANGED: (_OPERATOR, "another configuration is in force: the incident is looked at anew"),
    What.ROUTE_GONE: (_OPERATOR, "the configuration has its route no more: the defaults hold for it"),
    What.PAGE_RENAMED: (_OPERATOR, "the configuration calls the page by another name"),
    What.PAGE_BEGAN_ANEW: (
        _BRIDGE,
        "the page showed the end long ago: what fires there now gets an incident of its own",
    ),
    What.CHANGED: (_BRIDGE, "these fields of the post changed"),
    What.LEFT_OUT: (_BRIDGE, "so many older entries are gone"),
}
"""The register: who causes each, and what it means."""


class Entry(Struct, frozen=True):
    """What is to be told; the store adds when. ``once``: not if the history tells just this already."""

    what: What
    by: By
    detail: dict[str, Value]
    once: bool = False


def entry(what: What, by: By | None = None, *, once: bool = False, **detail: Value | None) -> Entry:
    """An entry; details that are empty are left out, and long texts cut."""
    given = {
        name: cut(value) if isinstance(value, str) else value for name, value in detail.items() if value is not None
    }
    told = {name: value for name, value in given.items() if value not in {"", ()}}
    return Entry(what, by or MEANINGS[what][0][0], told, once)


def edited(page: str, edits: Mapping[str, str]) -> Entry:
    """Someone edited the incident on the page: what it shows instead of what was set."""
    shown = {name: cut(text) for name, text in edits.items()}
    return Entry(What.EDITED_BY_HAND, By.PERSON, {"page": page, **shown}, once=True)


def in_words(what: str, detail: Mapping[str, object]) -> str:
    """An entry in words, also of a newer release's ``what``, with its detail behind it."""
    if what == What.ACTION:
        return _ordered(detail)
    known = MEANINGS.get(What(what)) if what in set(What) else None
    told = known[1] if known else what.replace("_", " ")
    of = ", ".join(f"{name} {_value(value)}" for name, value in sorted(detail.items(), key=_place))
    return f"{told} ({of})" if of else told


def _ordered(detail: Mapping[str, object]) -> str:
    """What an operator ordered, until when, and the rest that they said."""
    until = detail.get("until")
    time = f" until {from_ms(until)[:19].replace('T', ' ')}" if isinstance(until, int) and until else ""
    rest = {name: value for name, value in detail.items() if name not in {"verb", "until"} and value != ""}
    of = ", ".join(f"{name} {_value(value)}" for name, value in sorted(rest.items(), key=_place))
    return f"ordered {detail.get('verb', 'something')}{time}{f' ({of})' if of else ''}"


def _place(item: tuple[str, object]) -> tuple[int, str]:
    """Where a detail stands in a line: the store keeps them in no order."""
    name, _ = item
    if name in _LAST:
        return len(_FIRST) + 1 + _LAST.index(name), ""
    return (_FIRST.index(name), "") if name in _FIRST else (len(_FIRST), name)


def _value(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def cut(text: str) -> str:
    """No more than TEXT_BYTES of it."""
    raw = text.encode(errors="replace")
    return text if len(raw) <= TEXT_BYTES else raw[: TEXT_BYTES - 3].decode(errors="ignore") + "…"
