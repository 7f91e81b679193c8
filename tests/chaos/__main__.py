"""`make chaos`: fault campaigns against real processes. Exits with 1 when a promise was broken.

Each line tells of one campaign: trials, faults injected, what was lost, what was doubled, the longest time from a fault
until the page was right again. A trial is a function of its seed; what fails is printed with the command to repeat it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tests.chaos.campaign_servers import lanes
from tests.chaos.campaigns import CAMPAIGNS
from tests.chaos.runner import Report, run


def main() -> int:
    """Run the campaigns; the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _arguments()
    chosen = [each for each in CAMPAIGNS if options.campaign in {None, each.name}]
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        log = held.enter_context(options.log.open("w")) if options.log else None
        for campaign in chosen:
            report = run(
                campaign,
                Path(folder),
                seed=options.seed,
                count=options.count,
                seconds=options.seconds,
                lanes=options.lanes,
                log=log,
            )
            reports.append(report)
            say(report.line)
            for breach in report.breaches:
                say(f"  seed {breach.seed}, {breach.case}:")
                for each in breach.broken:
                    say(f"    {each}")
                say(f"    repeat: python -m tests.chaos --campaign {campaign.name} --seed {breach.seed} --count 1")
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_bytes(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    return int(any(report.breaches for report in reports))


def say(line: str) -> None:
    """One line for the reader, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=", description=__doc__)
    parser.add_argument("--campaign", choices=[each.name for each in CAMPAIGNS], help="only this one")
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--count", type=int, help="trials of each campaign (default: each campaign's own number)")
    limit.add_argument("--seconds", type=float, help="begin no more trials of a campaign after so long")
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; each next one is 1 more (default 1)")
    parser.add_argument("--lanes", type=int, default=lanes(), help=f"trials at once (default {lanes()})")
    parser.add_argument(
        "--report", type=Path, default=Path("build/chaos.json"), help="JSON report (default build/chaos.json)"
    )
    parser.add_argument("--log", type=Path, help="also write every trial to this file, a JSON line each")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
