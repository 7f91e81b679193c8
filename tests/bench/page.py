"""Writes docs/performance.md and its plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.plot import svg
from tests.bench.table import Results, markdown

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = "<!-- measured -->"
_END = "<!-- end of measured -->"


def write(docs: Path, now: Results, before: Results | None) -> None:
    """The measured part of the page anew, what is written by hand as it was; one file for each plot."""
    file, folder = docs / "performance.md", docs / "performance"
    folder.mkdir(exist_ok=True)
    parts = [markdown(now, before), "| this run | |\n| --- | --- |", ""]
    parts[1] += "".join(f"\n| {name} | {value} |" for name, value in now.about.items())
    if before:
        parts[1] += f"\n| before | commit {before.about['commit']}, {before.about['date']} |"
    for plot in now.plots:
        (folder / f"{plot.name}.svg").write_text(svg(plot))
        parts[2] += f"![{plot.title}](performance/{plot.name}.svg)\n"
    head, _, rest = file.read_text().partition(_TABLE)
    _, _, tail = rest.partition(_END)
    file.write_text(head + "\n\n".join([_TABLE, *(part.strip() for part in parts), _END]) + tail)
