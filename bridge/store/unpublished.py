"""Alerts that were not published, by groups: folded together over all replicas, and read by people."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from bridge.store import scripts
from bridge.store.errors import reply_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

MOST_GROUPS: Final = 1_000
KEPT_MS: Final = 24 * 3_600_000
_GROUPS_A_CALL = 250  # bounds how long one script keeps Redis from everybody else (a millisecond or two)


class Unpublished(Struct, frozen=True, array_like=True):
    """What the alerts of a group have in common.

    ``reason`` is the outcome that `bridge_alerts_total` counts them by, ``route`` the one that decided, if any did,
    ``name`` the alert's, ``label`` and ``value`` what decided; ``detail`` says where an unusable one is wrong, and how.
    ``name`` and ``value`` are the sender's words.
    """

    reason: str
    route: str = ""
    name: str = ""
    label: str = ""
    value: str = ""
    detail: str = ""


class Example(Struct, frozen=True, array_like=True):
    """One alert of a group."""

    source: str
    sender: str = ""
    fingerprint: str = ""


class UnpublishedGroup(Struct, frozen=True, kw_only=True):
    """A group: how many alerts were delivered, the first and the last of them when, and the latest as an example."""

    about: Unpublished
    count: int
    first_at: int
    last_at: int
    example: Example


class UnpublishedGroups(Struct, frozen=True, kw_only=True):
    """The groups, the latest first; ``cut_at`` is when some last found no room, if any did lately."""

    groups: list[UnpublishedGroup]
    cut_at: int | None = None


_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
_decode_about = msgspec.json.Decoder(Unpublished).decode
_decode_example = msgspec.json.Decoder(Example).decode
_decode_record = msgspec.msgpack.Decoder(tuple[str, int, int, int, str]).decode

Run = Callable[..., Awaitable[list[Any]]]


class UnpublishedAlerts:
    """The groups below one prefix. Every method raises StoreUnavailable; ``run_all`` runs a script with each list."""

    def __init__(self, redis: Redis, prefix: str, run_all: Run) -> None:
        self._redis = redis
        self._prefix = prefix
        self._run_all = run_all

    async def add(self, groups: Sequence[UnpublishedGroup], *, now: int, left_out: int = 0) -> None:
        """Fold these into what is kept; their instants, and ``now``, are by one clock of the caller's.

        So many alerts more are ``left_out``, for want of room. Where the answer is lost, the groups may have been added
        all the same: whoever repeats it may count them twice.
        """
        bounds = MOST_GROUPS, KEPT_MS, left_out
        calls = [
            (_encode([_pack(each, now) for each in groups[start : start + _GROUPS_A_CALL]]), *bounds)
            for start in range(0, len(groups), _GROUPS_A_CALL)
        ]
        if calls:
            await self._run_all(scripts.UNPUBLISHED, calls)

    async def all(self, *, now: int) -> UnpublishedGroups:
        """Every group of the last 24 hours before ``now``, at most 1,000."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(f"{self._prefix}unpublished")
        pipe.get(f"{self._prefix}unpublished:cut")
        kept, cut_at = await reply_of(pipe.execute())
        groups = [group for group in map(_unpack, kept.values()) if group.last_at > now - KEPT_MS]
        groups.sort(key=lambda group: (-group.last_at, group.about.reason, group.about.name))
        return UnpublishedGroups(groups=groups, cut_at=None if cut_at is None else int(cut_at))


def _pack(group: UnpublishedGroup, now: int) -> tuple[Any, ...]:
    about = _json(group.about)
    name = f"{group.about.reason}|{hashlib.blake2b(about, digest_size=8).hexdigest()}"
    ago = (max(0, now - at) for at in (group.first_at, group.last_at))
    return name, about.decode(), group.count, *ago, _json(group.example).decode()


def _unpack(packed: bytes) -> UnpublishedGroup:
    about, count, first_at, last_at, example = _decode_record(packed)
    return UnpublishedGroup(
        about=_decode_about(about),
        count=count,
        first_at=first_at,
        last_at=last_at,
        example=_decode_example(example),
    )
