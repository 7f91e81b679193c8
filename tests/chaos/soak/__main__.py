"""`make soak`: half an hour of steady traffic with all that is hostile mixed in; nothing may grow, be lost or doubled.

Writes what was seen every ten seconds, and a plot of it. Exits with 1 when a promise was broken, or something grew.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.bench.plot import svg
from tests.bench.table import Plot
from tests.chaos.soak.play import Outcome, play
from tests.chaos.soak.samples import WATCHED, Sample, settled, thirds

_MINUTE_S = 60


def main() -> int:
    """Play, write, tell; the exit code."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        outcome = play(
            Path(folder),
            seconds=options.minutes * _MINUTE_S,
            rate=options.rate,
            attack_every_s=options.attack_every,
            say=say,
        )
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_bytes(msgspec.json.encode(outcome) + b"\n")
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_text(svg(plot(outcome)))
    for line in summary(outcome):
        say(line)
    return int(bool(outcome.broken))


def plot(outcome: Outcome) -> Plot:
    """Each figure's median of a minute, in percent of its mean after the warm-up."""
    minutes: dict[int, list[Sample]] = {}
    for sample in outcome.samples:
        minutes.setdefault(int(sample.at_s // _MINUTE_S), []).append(sample)
    lines = {}
    for figure, words in WATCHED.items():
        base = statistics.mean(getattr(each, figure) for each in settled(outcome.samples)) or 1
        lines[words.partition(" (")[0]] = [
            (float(minute), 100 * statistics.median(getattr(each, figure) for each in samples) / base)
            for minute, samples in minutes.items()
        ]
    title = f"{outcome.achieved:.0f} deliveries a second, and all that is hostile"
    return Plot(name="soak", title=title, x="minute", y="% of the mean after the warm-up", lines=lines)


def summary(outcome: Outcome) -> list[str]:
    """What came of it, a line each."""
    samples = outcome.samples
    quiet = [f"{words} {_pair(thirds(samples, figure))}" for figure, words in WATCHED.items()]
    return [
        (
            f"soak: {outcome.accepted} deliveries accepted, {outcome.achieved:.1f} a second "
            f"({outcome.wanted:g} wanted), {outcome.refused} refused and delivered again; {outcome.outages} outages"
        ),
        f"attacks: {sum(outcome.attacks.values())} of {len(outcome.attacks)} kinds",
        (
            f"p99 of a delivery: median of the samples {statistics.median(each.p99_ms for each in samples):.0f} ms, "
            f"worst {max(each.p99_ms for each in samples):.0f} ms; /healthz at most "
            f"{max(each.look_ms for each in samples):.0f} ms"
        ),
        f"lower quartile of the first and of the last third after the warm-up: {', '.join(quiet)}",
        (
            f"log: {samples[-1].log_lines} lines; remembered for an hour or a week: {samples[-1].remembered} keys, "
            f"{samples[-1].remembered_mib:g} MiB"
        ),
        (
            f"lost {len(outcome.lost)}  doubled {len(outcome.doubled)}  wrong {len(outcome.wrong)}  "
            f"grown {len(outcome.grown)}"
        ),
        *(f"  {each}" for each in outcome.broken),
    ]


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:g} → {values[1]:g}"


def say(line: str) -> None:
    """One line for the reader, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak ARGS=", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default 30)")
    parser.add_argument("--rate", type=float, default=200, help="deliveries a second (default 200)")
    parser.add_argument("--attack-every", type=float, default=15, help="seconds from one to the next (default 15)")
    parser.add_argument("--report", type=Path, default=Path("build/soak.json"), help="default build/soak.json")
    parser.add_argument("--plot", type=Path, default=Path("build/soak.svg"), help="default build/soak.svg")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
