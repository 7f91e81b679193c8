"""`make bench`: the bridge against what is wanted of it. Ratios of one run; absolute figures are this machine's."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from tests.bench import idling, listing, page, publishing, receiving, volume, withheld
from tests.bench.measured_servers import MeasuredServers
from tests.bench.table import Plot, Results, Row

_ROOT = Path(__file__).parents[2]
_LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "redis", "hiredis", "msgspec")


def main() -> None:
    """Measure, print the table, and write the page or, for another checkout, its results."""
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="short runs, once each; writes nothing")
    arguments.add_argument("--tree", type=Path, default=_ROOT, help="the checkout whose bridge is measured")
    arguments.add_argument("--results", type=Path, help="write the results there, as JSON, and no page")
    arguments.add_argument("--before", type=Path, help="results of an earlier state, to stand beside these")
    options = arguments.parse_args()
    about = _about(options.tree)
    print("\n".join(f"{name}: {value}" for name, value in about.items()) + "\n")
    results = Results(about=about, rows=[], plots=[])
    for found in _measure(options.tree.resolve(), quick=options.quick):
        if isinstance(found, Plot):
            results.plots.append(found)
        else:
            results.rows.append(found)
            print(found, flush=True)
    if options.results:
        options.results.write_bytes(msgspec.json.encode(results))
    elif not options.quick:
        before = msgspec.json.decode(options.before.read_bytes(), type=Results) if options.before else None
        page.write(_ROOT / "docs", results, before)


def _measure(tree: Path, *, quick: bool) -> Iterator[Row | Plot]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        servers = MeasuredServers(Path(folder), running, tree=tree, quick=quick)
        yield from idling.rows(servers)
        with servers.scene():
            taking_in = receiving.Receiving(servers)
            yield from taking_in.rows()
            yield from taking_in.two_processes()
        for family in (receiving.group_commit, volume.one_large, volume.full_store):
            with servers.scene():
                yield from family(servers, taking_in.new)
        for each in (
            listing.lists,
            publishing.throughput,
            publishing.delay,
            publishing.storm,
            publishing.looks,
            withheld.commands,
        ):
            with servers.scene():
                yield from each(servers)


def _about(tree: Path) -> dict[str, str]:
    versions = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    commit = _output("git", "-C", str(tree), "rev-parse", "--short", "HEAD")
    server = _output("redis-server", "--version")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit.strip(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "libraries": ", ".join(versions),
        "Redis": server.split()[2].removeprefix("v="),
    }


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
