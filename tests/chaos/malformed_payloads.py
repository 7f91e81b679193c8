"""Bodies that nobody should send: real ones with parts replaced, and giants. A function of rng."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tests.scenarios.vocabulary import iso, now_ms

if TYPE_CHECKING:
    from random import Random

CANARY = "Quokka"
"""Stands in every label, annotation and field that is not public."""

_FIXTURES = Path(__file__).parents[1] / "fixtures"
_MEANT = {"status", "type", "event_type", "id", "occurred_at", "created_at", "startsAt", "endsAt", "fingerprint"}
_PUBLIC = {"title", "message"}
_UNMARKED = _MEANT | _PUBLIC | {"version"}
_DEEP = 100_000


class Raw(Struct, frozen=True):
    """Bytes that stand in JSON as they are."""

    text: bytes


class Twice(Struct, frozen=True):
    """An object that has one key twice."""

    key: str
    first: Any
    second: Any


_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 0.5, 1 << 53, 1 << 63, 1 << 64, -(1 << 64), [], {}, [[]] * 50, [None] * 1_000),
    *({"a": {"b": {"c": []}}}, {str(n): "" for n in range(1_000)}, "", " ", "\x00", "\n", "x" * 100_000, "firing"),
    *("resolved", "\ufeff", "\u202eabc", "\u200b", "\U0001f4a9" * 50, "e\u0301" * 500, "../../etc/passwd", "%s%n"),
    *("{{ 7 * 7 }}", "{% raw %}", "${jndi:ldap://x}", "a\r\nX: 1", "\x1b[31m", "a|b", "l|region|x", "s|Search|4"),
    *(Twice("status", "firing", "resolved"), Twice("labels", {"a": "b"}, {"team": "hostile"}), Twice("a", [], {})),
    Raw(b"[" * 900 + b"]" * 900),
)  # fmt: skip
TIMES = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    *("2026-02-30T00:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01", "1700000000", "2026-W01-1T00:00:00Z", "now"),
    *("\uff12026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789123456789Z", "+10000-01-01T00:00:00Z"),
)  # fmt: skip
_BROKEN = tuple(
    Raw(each)
    for each in (
        *(b"NaN", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"9" * 5_000, b"0x10", b"01", b"1.", b"nil", b"'a'"),
        *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u12"', b'"\\x41"', b'"\xff\xfe"', b'"\xc0\x80"', b'"\xed\xa0\x80"'),
        *(b'"\x00"', b'"\n"', b'"', b"[1,]", b"{", b"", b"/* */ 1", b"[" * _DEEP, b'{"a":' * _DEEP),
    )
)  # fmt: skip


def encode(value: Any) -> bytes:
    """JSON with ``Raw`` and ``Twice`` in it."""
    match value:
        case Raw(text):
            return text
        case Twice(key, first, second):
            return b"{%s:%s,%s:%s}" % (encode(key), encode(first), encode(key), encode(second))
        case dict():
            return b"{" + b",".join(encode(key) + b":" + encode(each) for key, each in value.items()) + b"}"
        case list():
            return b"[" + b",".join(map(encode, value)) + b"]"
    return json.dumps(value).encode()


class Corpus:
    """The captured bodies of one sender, as if it sent them now: an event that occurred long ago opens nothing."""

    def __init__(self, sender: str) -> None:
        found = sorted((_FIXTURES / sender).glob("*.json"))
        self._bodies = [each for path in found for each in _documents(json.loads(path.read_text()))]
        self._sender = sender

    def mutants(self, rng: Random, count: int) -> Iterator[bytes]:
        """So many bodies that are wrong somewhere, or everywhere."""
        for _ in range(count):
            body = copy.deepcopy(rng.choice(self._bodies))
            _mark(body)
            for _ in range(rng.choice((1, 1, 1, 2, 5))):
                _spoil(body, rng)
            yield _garble(encode(body), rng)


def _documents(fixture: dict[str, Any]) -> list[Any]:
    """A fixture is one body, or a sequence of deliveries."""
    if "deliveries" in fixture:
        return [delivery["body"] for delivery in fixture["deliveries"]]
    event = {"event": fixture["event"] | {"occurred_at": iso(now_ms())}} if "event" in fixture else {}
    return [fixture | event]


def _mark(value: Any) -> None:
    """Put the canary wherever words stand that mean nothing to the bridge."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, each in pairs:
        if isinstance(each, dict | list):
            _mark(each)
        elif isinstance(each, str) and key not in _UNMARKED:
            value[key] = f"{CANARY} {each}"
    if isinstance(value, dict) and isinstance(labels := value.get("labels"), dict):
        labels[CANARY] = CANARY
        labels["team"] = "hostile"


def _spoil(body: Any, rng: Random) -> None:
    """Replace, add or remove something at a place that any path may lead to."""
    places = list(_places(body))
    if not places:
        return
    parent, key = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[rng.choice(("", "\x00", "status", "labels", "__proto__", "a" * 1_000, "é"))] = parent.pop(key)
        case 2 if isinstance(parent, list):
            parent.insert(key, _poison(rng, key))
        case 3 if isinstance(parent, dict):
            parent[key] = Twice("status", parent[key], _poison(rng, key))
        case _:
            parent[key] = _poison(rng, key)


def _poison(rng: Random, key: Any) -> Any:
    """Seldom something that breaks the whole body; for a time mostly another time."""
    is_time = isinstance(key, str) and key.lower().endswith("at") and rng.random() < 0.8
    poisons = TIMES if is_time else _BROKEN if rng.random() < 0.1 else _VALUES
    return copy.deepcopy(rng.choice(poisons))  # what stands in a body may be spoiled further


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield value, key
        yield from _places(each)


def _garble(body: bytes, rng: Random) -> bytes:
    """Seldom: damage to the bytes themselves."""
    at = rng.randrange(len(body) + 1)
    match rng.randrange(20):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + rng.randbytes(rng.randrange(1, 9)) + body[at:]
        case 2:
            return b"\xef\xbb\xbf" + body
        case 3:
            return body.decode(errors="replace").encode(rng.choice(("utf-16", "utf-32", "utf-7")))
        case 4:
            return body + rng.choice((body, b"\x00", b"\n\n", b"]", b"x" * 1_000))
        case 5:
            return rng.randbytes(rng.randrange(2_000))
    return body


def giants(size: int) -> dict[str, bytes]:
    """Bodies of about ``size`` bytes, each large in another way."""
    alert = b'{"status":"firing","labels":{"team":"hostile","n":"%d"},"fingerprint":"%x"}'
    region = b'{"status":"firing","labels":{"team":"hostile","region":"%d %s"}}'
    many = partial(_filled, size)
    return {
        "numbers for alerts": many(b'{"alerts":[', b"1,", b"1]}"),
        "empty alerts": many(b'{"alerts":[', b"{},", b"{}]}"),
        "tiny alerts": many(b'{"alerts":[', b'{"labels":{"a":"b"}},', b"{}]}"),
        "many alerts": b'{"alerts":[' + b",".join(alert % (n, n) for n in range(size // 90)) + b"]}",
        "large regions": b'{"alerts":['
        + b",".join(region % (n, b"r" * 150_000) for n in range(size // 150_100))
        + b"]}",
        "many labels": b'{"alerts":[{"status":"firing","labels":{"team":"hostile",'
        + b",".join(b'"l%d":"v"' % n for n in range(100_000))
        + b"}}]}",
        "one label": many(b'{"alerts":[{"status":"firing","labels":{"team":"hostile","region":"', b"<b>", b'"}}]}'),
        "one fingerprint": many(b'{"alerts":[{"status":"firing","labels":{"a":"b"},"fingerprint":"', b"f", b'"}]}'),
        "one number": many(b'{"alerts":[],"truncatedAlerts":', b"9", b"}"),
        "lists in lists": many(b'{"alerts":', b"[", b""),
        "lists for a receiver": many(b'{"receiver":[', b"[],", b'[]],"alerts":[]}'),
        "objects for a version": many(b'{"version":{"a":', b'{"a":', b""),
        "spaces": many(b'{"alerts":', b" ", b"[]}"),
        "quotes": many(b'{"alerts":"', b"\\u0022", b'"}'),
        "no end": many(b'{"messages"', b" ", b""),
    }


def _filled(size: int, start: bytes, middle: bytes, end: bytes) -> bytes:
    return start + middle * ((size - len(start) - len(end)) // len(middle)) + end
