"""How long to wait after a failure: twice as long after each, up to a bound, with jitter."""

from __future__ import annotations

_MOST_DOUBLINGS = 10


def backoff_ms(doublings: int, jitter: float, *, first_ms: int, longest_ms: int) -> int:
    """From half of ``first_ms`` to all of it, doubled so often; of ``longest_ms``, where that is less.

    ``jitter`` in [0, 1) spreads replicas apart.
    """
    ceiling = min(longest_ms, first_ms << min(doublings, _MOST_DOUBLINGS))
    return int(ceiling * (0.5 + jitter / 2))
