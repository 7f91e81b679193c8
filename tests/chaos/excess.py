"""More than there is room for, from those who may deliver, or who guess. Each attack answers with what it heard."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.chaos.wire import WEBHOOKS, ask, connect, head
from tests.scenarios.vocabulary import alert, iso, now_ms, payload
from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from random import Random

LIMITS = {"alerts": 4_000, "incidents": 1_000}
INVENTED = 2_500  # more than half of the limit, which is all that one route may have
STRAYS = 20_000
GUESSES = 400
CHECKS = 800
VALUES, VALUE_BYTES = 30, 8 << 20
_TRUSTED = f"Authorization: Bearer {Bridge.alertmanager_token}"
_KEPT = 100
_ELSEWHERE = "127.0.0.2"
_FEW = [{"region": f"few-{n % 10}", "instance": f"{n}"} for n in range(INVENTED)]
_MANY = [{"region": f"many-{n}"} for n in range(INVENTED)]


def over_alerts(port: int, _jitter: Random) -> Iterator[bytes]:
    """Invented alerts of few incidents, beyond the limit; their ends; and some anew."""
    return _beyond(port, _FEW)


def over_incidents(port: int, _jitter: Random) -> Iterator[bytes]:
    """Invented alerts of an incident each, beyond the limit; their ends; and some anew."""
    return _beyond(port, _MANY)


def _beyond(port: int, invented: list[dict[str, str]]) -> Iterator[bytes]:
    fired = [_careless(**labels) for labels in invented]
    yield _post(port, payload(*fired))
    yield _post(port, payload(*map(_over, fired)))
    again = [_careless(**labels) for labels in invented[:_KEPT]]
    yield _post(port, payload(*again))
    yield _post(port, payload(*map(_over, again)))


def over_everything() -> Iterator[bytes]:
    """The ends of all that was invented beyond a limit, as deliveries."""
    for invented in (_FEW, _MANY):
        yield payload(*(_over(_careless(**labels)) for labels in invented))


def strays(port: int, _jitter: Random) -> Iterator[bytes]:
    """The ends of twenty thousand alerts that nobody ever saw, each of an incident of its own."""
    yield _post(port, payload(*(_over(_careless(region=f"nowhere-{n}")) for n in range(STRAYS))))


def values(port: int, _jitter: Random) -> Iterator[bytes]:
    """Label values of eight megabytes each, by which alerts are grouped; and their ends."""
    for n in range(VALUES):
        fired = _careless(region=f"{n} ".ljust(VALUE_BYTES, "x"))
        yield _post(port, payload(fired))
        yield _post(port, payload(_over(fired)))


def guesses(port: int, rng: Random) -> Iterator[bytes]:
    """Guesses at an administrator's token, all at once; meanwhile the right one works from elsewhere."""
    right = f"Authorization: Bearer {Bridge.admin_token}"
    with ExitStack() as held:
        connections = [held.enter_context(connect(port)) for _ in range(GUESSES)]
        for connection in connections:
            guess = f"Authorization: Bearer {rng.randrange(1 << 64):x}"
            connection.sendall(head("GET", "/api/incidents", guess))
        yield ask(port, head("GET", "/api/incidents", right), source=_ELSEWHERE)
        for connection in connections:
            yield connection.recv(65_536)


def checks(port: int, _jitter: Random) -> Iterator[bytes]:
    """A burst of looks at the readiness, each on a connection of its own."""
    with ExitStack() as held:
        connections = [held.enter_context(connect(port)) for _ in range(CHECKS)]
        for connection in connections:
            connection.sendall(head("GET", "/readyz"))
        for connection in connections:
            yield connection.recv(65_536)


def _post(port: int, body: bytes) -> bytes:
    return ask(port, head("POST", WEBHOOKS[0], _TRUSTED, body=body))


def _careless(**labels: str) -> Mapping[str, object]:
    return alert(team="careless", **labels)


def _over(fired: Mapping[str, object]) -> Mapping[str, object]:
    return {**fired, "status": "resolved", "endsAt": iso(now_ms())}


_KINDS = (over_alerts, over_incidents, strays, values, guesses, checks)
EXCESSES: dict[str, Callable[[int, Random], Iterable[bytes]]] = {each.__name__: each for each in _KINDS}
