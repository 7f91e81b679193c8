"""What asking PagerDuty needs of the store: which of its alerts fire, and what is remembered of the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from bridge.core.healing.pagerduty import Asked, OpenAlert
from bridge.store.chores import Chore
from bridge.store.codec import alert_name
from bridge.store.errors import reply_of
from bridge.store.open_alerts import open_alerts

if TYPE_CHECKING:
    from redis.asyncio import Redis

_SOURCE: Final = "pagerduty"
_KEPT_MS: Final = 7 * 24 * 3_600_000
_STATE: Final = "."  # the field beside those of incidents, whose ids have no dots


class AccountState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it stands with one account, as every replica shows it. All times are the store's; 0: never.

    Everything was answered last at ``round_at``; nothing is asked before ``resume_at``, with the key that was
    ``refused``, of which this is a digest, or with any where it is empty. The subscription is asked about again at
    ``subscription_due_at``. ``disabled_since``: nothing is delivered by it; ``told_at`` is when the log last said so.
    """

    round_at: int = 0
    resume_at: int = 0
    refused: str = ""
    subscription_due_at: int = 0
    disabled_since: int = 0
    told_at: int = 0


class Memory(Struct, frozen=True):
    """What is remembered of one account: its state, and the questions by the ids of incidents."""

    state: AccountState
    asked: dict[str, Asked]


_encode = msgspec.msgpack.Encoder().encode
_decode_asked = msgspec.msgpack.Decoder(Asked).decode
_decode_state = msgspec.msgpack.Decoder(AccountState).decode


class PagedAlerts(Chore):
    """The chore of asking the account of one ``sender`` (empty: the path without a name). Raises StoreUnavailable."""

    def __init__(self, redis: Redis, prefix: str, run: Callable[..., Any], sender: str) -> None:
        super().__init__(run, f"heal:{_SOURCE}@{sender}")
        self._redis = redis
        self._prefix = prefix
        self._sender = sender
        self._memory = f"{prefix}heal:{_SOURCE}@{sender}"

    async def firing(self) -> list[OpenAlert]:
        """Its alerts that fire. One that is there all the while is found; none is found twice."""
        found = await open_alerts(self._redis, self._prefix, f"{alert_name(_SOURCE, '', self._sender)}*")
        return [
            OpenAlert(
                fingerprint=_fingerprint(name),
                seen_at=record.seen,
                observed_at=record.observed,
                part_of=_fingerprint(record.merged_into) if isinstance(record.merged_into, str) else "",
            )
            for name, record in found.items()
        ]

    async def recall(self) -> Memory:
        """What is remembered of the account."""
        kept = await reply_of(self._redis.hgetall(self._memory))
        state = kept.pop(_STATE.encode(), None)
        asked = {id_.decode(): _decode_asked(packed) for id_, packed in kept.items()}
        return Memory(AccountState() if state is None else _decode_state(state), asked)

    async def remember(self, state: AccountState, asked: Mapping[str, Asked], forget: Collection[str] = ()) -> None:
        """Keep the state, and these questions beside the others; some are forgotten. All of it for a week."""
        fields: dict[Any, Any] = {_STATE: _encode(state)} | {id_: _encode(each) for id_, each in asked.items()}
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(self._memory, mapping=fields)
        if forget:
            pipe.hdel(self._memory, *forget)
        pipe.pexpire(self._memory, _KEPT_MS)
        await reply_of(pipe.execute())


def _fingerprint(name: str) -> str:
    return name.partition("/")[2]
