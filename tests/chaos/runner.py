"""Runs a campaign's trials, several at a time, and adds up what came of them."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count as counting
from threading import Lock
from typing import IO, TYPE_CHECKING

import msgspec
from msgspec import Struct

from tests.chaos.campaign import Campaign, Trial
from tests.chaos.campaign_servers import CampaignServers
from tests.chaos.checker import Verdict

if TYPE_CHECKING:
    from pathlib import Path


class Breach(Struct, frozen=True, kw_only=True):
    """A trial that broke a promise, and how."""

    seed: int
    case: str
    broken: tuple[str, ...]


class Report(Struct, kw_only=True):
    """A campaign's sum. ``lost`` and ``doubled`` count breaches of those promises, ``wrong`` those of the others."""

    campaign: str
    first_seed: int
    runs: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    worst_recovery_s: float = 0.0
    seconds: float = 0.0
    events: Counter[str] = msgspec.field(default_factory=Counter)
    breaches: list[Breach] = []

    @property
    def line(self) -> str:
        """The sum on one line."""
        found = f"lost {self.lost}  doubled {self.doubled}" + (f"  wrong {self.wrong}" if self.wrong else "")
        return (
            f"{self.campaign:<19} runs {self.runs:>5}  faults {self.faults:>5}  {found}"
            f"  worst recovery {self.worst_recovery_s:.1f} s  ({self.seconds:.0f} s)"
        )

    def add(self, seed: int, trial: Trial) -> None:
        """One more trial; the one behind the last seed of a sweep proves nothing new and only counts when it fails."""
        verdict = trial.verdict
        if trial.is_last and not verdict.breaches:
            return
        self.runs += 1
        self.faults += trial.faults
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.wrong += len(verdict.wrong)
        self.worst_recovery_s = max(self.worst_recovery_s, round(trial.recovery_s, 3))
        self.events += trial.events
        if verdict.breaches:
            self.breaches.append(Breach(seed=seed, case=trial.case, broken=verdict.breaches))


def run(
    campaign: Campaign,
    folder: Path,
    *,
    seed: int,
    count: int | None = None,
    seconds: float | None = None,
    lanes: int,
    log: IO[str] | None = None,
) -> Report:
    """Run trials from ``seed`` on: ``count`` of them, or for ``seconds``, or as many as the campaign asks for."""
    limit = count if count is not None or seconds is not None else campaign.runs
    began = time.monotonic()
    report = Report(campaign=campaign.name, first_seed=seed)
    seeds = counting(seed)
    lock = Lock()
    is_over = False

    def next_seed() -> int | None:
        with lock:
            late = seconds is not None and time.monotonic() - began > seconds
            if is_over or late:
                return None
            number = next(seeds)
            return number if limit is None or number < seed + limit else None

    def work(lane: int) -> None:
        nonlocal is_over
        with ExitStack() as running:
            servers = CampaignServers(folder / campaign.name.replace(" ", "-") / str(lane), running)
            while (number := next_seed()) is not None:
                trial = _play(campaign, servers, number)
                with lock:
                    report.add(number, trial)
                    is_over = is_over or trial.is_last
                    if log is not None:
                        log.write(msgspec.json.encode({"seed": number, "trial": trial}).decode() + "\n")
                        log.flush()

    wanted = lanes if limit is None else min(lanes, limit)
    with ThreadPoolExecutor(wanted) as pool:
        try:
            for done in [pool.submit(work, lane) for lane in range(wanted)]:
                done.result()
        finally:
            is_over = True  # also when it is interrupted: the trials under way stop their servers
    report.seconds = round(time.monotonic() - began, 1)
    report.breaches.sort(key=lambda each: each.seed)
    return report


def _play(campaign: Campaign, servers: CampaignServers, seed: int) -> Trial:
    """A trial; one that fails to run to its end has broken a promise, too."""
    try:
        return campaign.trial(servers, seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hide the other trials
        where = traceback.format_exception_only(error)[-1].strip()
        return Trial(case="did not end", faults=0, verdict=Verdict(wrong=(where,)))
