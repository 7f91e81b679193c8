"""Input that is broken, huge, forged or sly: nothing crashes, grows or leaks, and the next alert reaches the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.chaos import sly
from tests.chaos.campaign import Trial
from tests.chaos.malice import TIMES, Corpus, giants
from tests.chaos.target import Target
from tests.chaos.wire import ATTACKS, statuses
from tests.scenarios.vocabulary import alert, metric, payload

if TYPE_CHECKING:
    from tests.chaos.stage import Stage

BODIES = 300

Attack = Callable[[Target, Random], Counter[int]]


class Kind(Struct, frozen=True):
    """A kind of input, the answers that it may get, and the memory that it may take."""

    attack: Attack
    answers: set[int]
    most_growth_mib: int = 150


def _alertmanagers(target: Target, chance: Random) -> Counter[int]:
    mutants = Corpus("alertmanager").mutants(chance, BODIES)
    odd_times = (payload(alert(team="sly", case=time) | {"startsAt": time, "endsAt": time}) for time in TIMES)
    return Counter(map(target.alertmanager, (*mutants, *odd_times)))


def _pagerdutys(target: Target, chance: Random) -> Counter[int]:
    return Counter(map(target.pagerduty, Corpus("pagerduty").mutants(chance, BODIES)))


def _sly(target: Target, chance: Random) -> Counter[int]:
    """What should not get onto a page, in all that may: public labels, titles, notes and status updates."""
    before = target.markup()
    answers = Counter(map(target.alertmanager, sly.alerts(chance))) + Counter(map(target.pagerduty, sly.events()))
    target.rests()
    if metric(target.bridge, "bridge_alerts_total", outcome="unusable"):
        target.wrong.append("not every value has been understood")
    if len(target.history().incidents) <= 2 * len(set(sly.VALUES)):
        target.wrong.append("not every value has reached the page")
    if more := target.markup() - before:
        target.wrong.append(f"the page has markup that it had not: {sorted(more)}")
    return answers


def _giants(target: Target, chance: Random) -> Counter[int]:
    """Four at a time, and two that are over the limit."""
    bodies = giants(15 << 20)
    with ThreadPoolExecutor(4) as pool:
        chosen = chance.sample(sorted(bodies), 8)
        answers = Counter(pool.map(target.alertmanager, (bodies[kind] for kind in chosen)))
    answers.update(map(target.pagerduty, giants(250 << 10).values()))
    over = [target.alertmanager(b" " * (17 << 20)), target.pagerduty(b" " * (257 << 10))]
    if over != [413, 413]:
        target.wrong.append(f"bodies over the limit were answered {over}")
    return answers + Counter(over)


def _on_the_wire(attack: str, target: Target, chance: Random) -> Counter[int]:
    answers: Counter[int] = Counter()
    for heard in ATTACKS[attack](target.bridge.port, chance):
        target.hears(heard)
        answers.update(statuses(heard))
    return answers


def _wire(attack: str, *answers: int, most_growth_mib: int = 150) -> Kind:
    return Kind(partial(_on_the_wire, attack), set(answers), most_growth_mib)


KINDS = {
    "Alertmanager's": Kind(_alertmanagers, {202, 400}),
    "PagerDuty's": Kind(_pagerdutys, {202, 400, 413}),
    "sly": Kind(_sly, {202}),
    "credentials": _wire("credentials", 401),
    "places": _wire("places", 200, 400, 401, 404, 405),
    "encodings": _wire("encodings", 415),
    "floods": _wire("floods", 200, 400, 401),
    "endless": _wire("endless", 401, 413),
    "malformed": _wire("malformed", 100, 200, 400, 404, 413),
    "slow": _wire("slow", 200),
    "pipelined": _wire("pipelined", 200, most_growth_mib=80),
    "announced": _wire("announced", 200, 202, 401, 503),
    "idle": _wire("idle", 200),
    "giants": Kind(_giants, {202, 400, 401, 413, 503}, most_growth_mib=500),
}


class Hostile:
    """Each kind of input in turn, against a bridge of its own."""

    name = "hostile-input"
    runs = 4 * len(KINDS)

    def trial(self, stage: Stage, seed: int) -> Trial:
        what = list(KINDS)[seed % len(KINDS)]
        kind, chance = KINDS[what], Random(seed)
        with ExitStack() as running:
            target = Target(stage, running)
            target.fires("before")
            answers = kind.attack(target, chance)
            if others := answers.keys() - kind.answers:
                target.wrong.append(f"answers were {sorted(others)}")
            target.fires("after")
            verdict = target.judged(most_growth_mib=kind.most_growth_mib)
            grown = target.memory.growth_mib
        return Trial(
            case=f"{what}: memory grew by {grown} MiB, answers were {dict(sorted(answers.items()))}",
            faults=answers.total(),
            verdict=verdict,
            events=Counter({f"{what}: answered {status}": count for status, count in answers.items()}),
        )
