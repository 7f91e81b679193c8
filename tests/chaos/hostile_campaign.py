"""Input that is broken, huge, forged or injecting: nothing crashes, grows or leaks, and the next alert is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct

from tests.chaos import injection_strings
from tests.chaos.campaign import Trial
from tests.chaos.excess import EXCESSES, GUESSES, LIMITS
from tests.chaos.malformed_payloads import TIMES, Corpus, giants
from tests.chaos.patrol import Patrol
from tests.chaos.target import Target, normal
from tests.chaos.wire import ATTACKS, statuses
from tests.scenarios.vocabulary import alert, logged, metric, payload

if TYPE_CHECKING:
    from tests.chaos.campaign_servers import CampaignServers

BODIES = 300
MOST_LINES = 3  # of the log, for guesses: of each address one a minute, and how many there were
MANY, PART = 5_000, 100  # alerts of an incident, and about as many of an answer

Attack = Callable[[Target, Random], Counter[int]]


class Kind(Struct, frozen=True):
    """A kind of input, the answers that it may get, and the memory that it may take; under these ``limits``."""

    attack: Attack
    answers: set[int]
    most_growth_mib: int = 150
    limits: Mapping[str, int] | None = None


def _alertmanagers(target: Target, rng: Random) -> Counter[int]:
    mutants = Corpus("alertmanager").mutants(rng, BODIES)
    odd_times = (payload(alert(team="injection", case=time) | {"startsAt": time, "endsAt": time}) for time in TIMES)
    return Counter(map(target.alertmanager, (*mutants, *odd_times)))


def _pagerdutys(target: Target, rng: Random) -> Counter[int]:
    return Counter(map(target.pagerduty, Corpus("pagerduty").mutants(rng, BODIES)))


def _injection(target: Target, rng: Random) -> Counter[int]:
    """What should not get onto a page, in all that may: public labels, titles, notes and status updates."""
    before = target.markup()
    answers = Counter(map(target.alertmanager, injection_strings.alerts(rng))) + Counter(
        map(target.pagerduty, injection_strings.events())
    )
    target.rests()
    if metric(target.bridge, "bridge_alerts_total", outcome="unusable"):
        target.wrong.append("not every value has been understood")
    if len(target.history().incidents) <= 2 * len(set(injection_strings.VALUES)):
        target.wrong.append("not every value has reached the page")
    if more := target.markup() - before:
        target.wrong.append(f"the page has markup that it had not: {sorted(more)}")
    return answers


def _giants(target: Target, rng: Random) -> Counter[int]:
    """Four at a time, and two that are over the limit."""
    bodies = giants(15 << 20)
    with ThreadPoolExecutor(4) as pool:
        chosen = rng.sample(sorted(bodies), 8)
        answers = Counter(pool.map(target.alertmanager, (bodies[kind] for kind in chosen)))
    answers.update(map(target.pagerduty, giants(250 << 10).values()))
    over = [target.alertmanager(b" " * (17 << 20)), target.pagerduty(b" " * (257 << 10))]
    if over != [413, 413]:
        target.wrong.append(f"bodies over the limit were answered {over}")
    return answers + Counter(over)


def _on_the_wire(attack: str, target: Target, rng: Random) -> Counter[int]:
    answers: Counter[int] = Counter()
    for heard in _ON_THE_WIRE[attack](target.bridge.port, rng):
        target.hears(heard)
        answers.update(statuses(heard))
    return answers


_ON_THE_WIRE = {**ATTACKS, **EXCESSES}


def _wire(attack: str, *answers: int, most_growth_mib: int = 150, limits: Mapping[str, int] | None = None) -> Kind:
    return Kind(partial(_on_the_wire, attack), set(answers), most_growth_mib, limits)


def _guesses(target: Target, rng: Random) -> Counter[int]:
    answers = _on_the_wire("guesses", target, rng)
    if (lines := len(logged(target.bridge, "admin_unauthorized"))) > MOST_LINES:
        target.wrong.append(f"{lines} lines of the log for {GUESSES} guesses")
    if (counted := metric(target.bridge, "bridge_api_requests_total", code="429")) != answers[429]:
        target.wrong.append(f"{counted} guesses were counted as slowed, {answers[429]} were")
    if answers[200] != 1 or answers[429] < GUESSES / 2:
        target.wrong.append("who guesses was not slowed, or who knows was")
    return answers


def _over(attack: str, refused: str, target: Target, rng: Random) -> Counter[int]:
    """What is invented beyond a limit is refused; what ends, and what then fires anew, is not."""
    answers = Counter[int]()
    found: list[int] = []
    for heard in EXCESSES[attack](target.bridge.port, rng):
        target.hears(heard)
        found += statuses(heard)
        answers.update(statuses(heard))
    if found != [503, 202, 202, 202]:
        target.wrong.append(f"the invented, their ends, some anew and their ends were answered {found}")
    if {line["limit"] for line in logged(target.bridge, "alerts_over_limit")} != {refused}:
        target.wrong.append(f"not {refused} was reached")
    return answers


def _paged(target: Target, _jitter: Random) -> Counter[int]:
    """An incident of many alerts, read in parts until its end."""
    alerts = [alert(region="large", service="Payments", instance=f"{n}") for n in range(MANY)]
    answers = Counter([target.alertmanager(payload(*alerts))])
    [id_] = (each["id"] for each in target.bridge.incidents()["incidents"] if each["group"] == {"region": "large"})
    seen: set[str] = set()
    after, reads = 0, 0
    while after is not None and reads < MANY:
        part = target.bridge.incident(f"{id_}?alerts=1000&after={after}")
        seen.update(each["fingerprint"] for each in part["alerts"])
        after, reads = part["alerts_after"], reads + 1
    if len(seen) != MANY or len(target.bridge.incident(id_)["alerts"]) > 2 * PART:
        target.wrong.append(f"of {MANY} alerts {len(seen)} were seen in {reads} parts")
    return answers + Counter({200: reads})


def _unnamed(target: Target, _jitter: Random) -> Counter[int]:
    """Fifteen megabytes of labels without a fingerprint, so that it is computed: of few alerts, and of many."""
    few = [alert(team="injection", case=f"{n}", much="x" * (1 << 20)) for n in range(15)]
    many = [alert(team="injection", case="many", much=f"{n} ".ljust(500, "x")) for n in range(15_000)]
    bodies = (payload(*(each | {"fingerprint": None} for each in alerts)) for alerts in (few, many))
    return Counter(map(target.alertmanager, bodies))


KINDS = {
    "Alertmanager's": Kind(_alertmanagers, {202, 400}),
    "PagerDuty's": Kind(_pagerdutys, {202, 400, 413}),
    "injection": Kind(_injection, {202}),
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
    "over_alerts": Kind(partial(_over, "over_alerts", "limits.alerts"), {202, 503}, limits=LIMITS),
    "over_incidents": Kind(partial(_over, "over_incidents", "limits.incidents"), {202, 503}, limits=LIMITS),
    "strays": _wire("strays", 202, limits=LIMITS),
    "values": _wire("values", 202),
    "guesses": Kind(_guesses, {200, 401, 429}),
    "checks": _wire("checks", 200),
    "paged": Kind(_paged, {200, 202}),
    "unnamed": Kind(_unnamed, {202}),
    "giants": Kind(_giants, {202, 400, 401, 413, 503}, most_growth_mib=500),
}


class Hostile:
    """Each kind of input in turn, against a bridge of its own."""

    name = "hostile-input"
    runs = 4 * len(KINDS)

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        what = list(KINDS)[seed % len(KINDS)]
        kind, rng = KINDS[what], Random(seed)
        with ExitStack() as running:
            target = Target(servers, running, limits=kind.limits)
            target.fires("before")
            with Patrol(target.bridge, normal("before")) as patrol:
                answers = kind.attack(target, rng)
            if patrol.refused and what != "giants":
                target.wrong.append(f"meanwhile {patrol.refused} normal deliveries were refused")
            if others := answers.keys() - kind.answers:
                target.wrong.append(f"answers were {sorted(others)}")
            after_s = target.fires("after")
            redis_mib = target.redis_grown_mib
            verdict = target.judged(most_growth_mib=kind.most_growth_mib)
            grown = target.memory.growth_mib
        return Trial(
            case=f"{what}: memory grew by {grown} MiB, Redis by {redis_mib} MiB; {patrol}; the next outage was on the "
            f"page after {after_s:.1f} s; answers were {dict(sorted(answers.items()))}",
            faults=answers.total(),
            verdict=verdict,
            events=Counter({f"{what}: answered {status}": count for status, count in answers.items()}),
        )
