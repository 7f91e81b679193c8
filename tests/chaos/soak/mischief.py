"""All that is hostile, one after the other, from a process of its own."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING

from tests.chaos import injection_strings
from tests.chaos.excess import EXCESSES
from tests.chaos.hostile_campaign import KINDS
from tests.chaos.malformed_payloads import Corpus, giants
from tests.chaos.soak.sending import SECRET
from tests.chaos.wire import ATTACKS, WEBHOOKS, ask, head, statuses
from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

BODIES = 200
_TRUSTED = f"Authorization: Bearer {Bridge.alertmanager_token}"


def bodies(rng: Random) -> Iterator[tuple[str, bytes]]:
    """What both kinds of trusted senders should not send."""
    for body in (*Corpus("alertmanager").mutants(rng, BODIES), *injection_strings.alerts(rng)):
        yield "alertmanager", body
    for body in (*Corpus("pagerduty").mutants(rng, BODIES), *injection_strings.events(), *injection_strings.ends()):
        yield "pagerduty", body
    for body in rng.sample(sorted(giants(15 << 20).values()), 2):
        yield "alertmanager", body


def trusted(port: int, rng: Random) -> Iterator[bytes]:
    """Delivers the ``bodies`` with the right credentials."""
    for sender, body in bodies(rng):
        if sender == "alertmanager":
            yield ask(port, head("POST", WEBHOOKS[0], _TRUSTED, body=body))
        else:
            right = hmac.digest(SECRET.encode(), body, "sha256").hex()
            yield ask(port, head("POST", WEBHOOKS[1], f"X-PagerDuty-Signature: v1={right}", body=body))


_ALL = {**ATTACKS, **EXCESSES, "trusted": trusted}
_ANSWERS = {name: KINDS[name].answers for name in (*ATTACKS, *EXCESSES)} | {"trusted": {202, 400, 413, 503}}


def play(name: str, port: int, seed: int) -> Counter[int]:
    """One attack; the statuses of its answers."""
    answers: Counter[int] = Counter()
    for heard in _ALL[name](port, Random(seed)):
        answers.update(statuses(heard))
    return answers


class Mischief:
    """Plays one attack after the other, one begun ``every_s``; ``wrong`` are answers that none should get."""

    def __init__(self, port: int, *, every_s: float) -> None:
        self._port = port
        self._every_s = every_s
        self._afoot = ""
        self._since: list[str] = []
        self.played: Counter[str] = Counter()
        self.wrong: list[str] = []

    def cut(self) -> list[str]:
        """What was afoot since the last cut."""
        names, self._since = self._since, [self._afoot] if self._afoot else []
        return names

    async def run(self, seconds: float) -> None:
        """Go on for so long, or as long as the last attack takes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for number, name in enumerate(cycle(_ALL)):
                due = began + (number + 1) * self._every_s
                if max(due, loop.time()) - began > seconds - self._every_s:
                    return
                await asyncio.sleep(max(0.0, due - loop.time()))
                self._afoot = name
                self._since.append(name)
                try:
                    answers = await loop.run_in_executor(pool, play, name, self._port, number)
                except OSError as error:
                    self.wrong.append(f"{name}: {type(error).__name__}: {error}")
                    continue
                finally:
                    self._afoot = ""
                self.played[name] += 1
                if others := answers.keys() - _ANSWERS[name]:
                    self.wrong.append(f"{name}: answers were {sorted(others)}")
