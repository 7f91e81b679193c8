"""A page of the documentation, typed as it is printed.

A test names the section with ``@pytest.mark.types(page, heading)`` and types it with the fixture ``transcript``.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.servers.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
_READS = re.compile(r"\b(list|show|history|why|services|check|grep|jq|curl -s http)\b")
_TYPED = re.compile(
    r"^(?P<indent> {4,})\$ (?P<command>(?:.*\\\n)*.*)\n"
    r"(?P<shown>(?:(?P=indent)(?!\$ ).*\n|\n(?=(?P=indent)(?!\$ )))*)",
    re.MULTILINE,
)
_WITHIN_S = 30.0
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LEFT_OUT = "…"
_VARIES: Final = {  # what a page shows of it, and what may stand there instead: figures of that shape, and nothing else
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?": None,
    r"\b\d\d:\d\d:\d\d\b": None,
    r"\b\d\d:\d\d(?= UTC)": None,
    r"\b\d+s(?= ago)": r"\d+[sm]",
    r"(?<= in )\d+ s\b": r"\d+ s",
    r"(?<=\s)(?:\d+[wdhms])+(?= +[0-9A-HJKMNP-TV-Z]{10}\s)": r"(?:\d+[wdhms])+",  # an age, before an id
    r"(?<=median )\S+(?=,)|(?<=percentile )\S+(?= )": r"(?:\d+[wdhms])+",
    r"(?<=delay seconds) +\d+\.\d+": r" +\d+(?:\.\d+)?",
    r"(?<=\bms )\d+": r"\d+",
    r"(?:(?<=digest=)|(?<=hash=)|(?<=hash=\"))[0-9a-f]+": "[0-9a-f]+",  # of the file, which names what it finds here
    r"(?<=Valkey )\d+\.\d+\.\d+": r"\d+\.\d+\.\d+",
    r"(?<=\S) {2,}(?=\S)": " {2,}",  # columns are as wide as what they hold
}


class Step(NamedTuple):
    """A command, and what the page shows of its answer: ``…`` stands for what it leaves out."""

    command: str
    shown: str


def steps(page: str, *headings: str) -> list[Step]:
    """The commands under these headings of a page under ``docs``, in their order."""
    return [step for found, step in all_steps((ROOT / "docs" / page).read_text()) if found in headings]


def all_steps(page: str) -> Iterator[tuple[str, Step]]:
    """Every command of a page's text, with the heading that it stands under, "" before the first."""
    for section in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        heading = section.partition("\n")[0].removeprefix("## ") if section.startswith("## ") else ""
        for found in _TYPED.finditer(section):
            command, shown = (re.sub(f"(?m)^{found['indent']}", "", found[part]) for part in ("command", "shown"))
            yield heading, Step(command, shown)


class Typed(Process):
    """A command that runs until it is stopped, in ``at``; ready once ``says`` is true of its output."""

    name = "typed"
    typed: str
    says: Callable[[str], bool]

    def __init__(self, directory: Path, at: Path, environment: Mapping[str, str]) -> None:
        super().__init__(directory)
        self._at = at
        self._environment = environment

    def command(self) -> Sequence[str | Path]:
        return ["bash", "-c", f"cd {self._at} && {self.typed}"]

    def environment(self) -> Mapping[str, str]:
        return self._environment

    def is_ready(self) -> bool:
        return self.says(self.output)


def is_bridge(command: str) -> bool:
    """Whether a command is the bridge's own, or has it in it."""
    return re.search(r"(^|[ |;&])bridge ", command) is not None


def pattern(shown: str, ids: Mapping[str, str], replaced: Mapping[str, str]) -> str:
    """What an answer matches that is as shown; a group for each id that ``ids`` does not have, in their order."""
    if not shown:  # the page leaves the whole answer out
        return r"[\s\S]*"
    names: dict[str, int] = {}
    pieces, at = [], 0
    for found in re.finditer(
        "|".join([rf"(?m:^ *{_LEFT_OUT}\n)", _LEFT_OUT, _ID, *_VARIES, *map(re.escape, replaced)]), shown
    ):
        pieces += [re.escape(shown[at : found.start()]), _piece(found, ids, replaced, names)]
        at = found.end()
    return "".join([*pieces, re.escape(shown[at:])])


def _piece(found: re.Match[str], ids: Mapping[str, str], replaced: Mapping[str, str], names: dict[str, int]) -> str:
    text = found[0]
    if text.endswith(f"{_LEFT_OUT}\n"):
        return r"(?:.*\n)*?"
    if text == _LEFT_OUT:
        return ".*"
    if text in replaced:
        return re.escape(replaced[text])
    if re.fullmatch(_ID, text):
        if text in ids:
            return re.escape(ids[text])
        if text in names:
            return rf"(?:\{names[text]})"
        names[text] = len(names) + 1
        return f"({_ID})"
    varies = next(varies for varied, varies in _VARIES.items() if re.compile(varied).match(found.string, found.start()))
    return varies or re.sub(r"\d", r"\\d", re.escape(text))


class Transcript:
    """The commands of a section, in their order. Ids that Checkly makes differ from those printed; times, too.

    ``replaced`` are words of the page with what stands for them here: an address, a folder.
    """

    def __init__(
        self, typed: list[Step], environment: Mapping[str, str], replaced: Mapping[str, str], at: Path
    ) -> None:
        self._steps = iter(typed)
        self._environment = environment
        self._replaced = replaced
        self._directory = at
        self._ids: dict[str, str] = {}
        self._running: list[Process] = []

    def goes_on(self, count: int = 1, *, code: int = 0) -> None:
        """Types the next commands, as the page prints them; what only reads is typed until it answers as printed."""
        for step in (next(self._steps) for _ in range(count)):
            if _READS.search(step.command):
                self._type_until(step, code)
            else:
                self._type(step, code)

    def starts(self, *more: str) -> None:
        """Types the next command, with ``more`` behind it; returns once it says what is shown, and lets it run."""
        step = next(self._steps)
        running = Typed(self._directory / "running" / str(len(self._running)), self._directory, self._environment)
        running.typed = " ".join(("exec", self.here(step.command), *more))
        self._running.append(running)
        running.says = lambda said: self.agrees(f"{step.shown}…\n", said)
        running.start()

    def skips(self) -> None:
        """Leaves the next command out, which is not the bridge's."""
        assert not is_bridge(next(self._steps).command)

    def ends(self) -> None:
        """Stops what still runs."""
        for each in reversed(self._running):
            each.stop()

    @property
    def is_over(self) -> bool:
        """Whether all commands of the section were typed."""
        return next(self._steps, None) is None

    def here(self, text: str) -> str:
        """A text of the page, with what stands here for its ids, addresses and folders."""
        for shown, actual in self._replaced.items():
            text = text.replace(shown, actual)
        return re.sub(_ID, lambda found: self._ids.get(found[0], found[0]), text)

    def agrees(self, shown: str, answer: str) -> bool:
        """Whether an answer is as the page shows it; learns the ids that it has."""
        shown, answer = (re.sub(r"(?m)[ \t]+$", "", text) for text in (shown, f"{answer.rstrip()}\n"))
        found = re.fullmatch(pattern(shown, self._ids, self._replaced), answer)
        if found:
            unknown = [each for each in dict.fromkeys(re.findall(_ID, shown)) if each not in self._ids]
            self._ids |= zip(unknown, found.groups(), strict=True)
        return found is not None

    def _type_until(self, step: Step, code: int) -> None:
        deadline = time.monotonic() + _WITHIN_S
        while True:
            try:
                return self._type(step, code)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def _type(self, step: Step, code: int) -> None:
        done = subprocess.run(
            ["bash", "-c", self.here(step.command)],
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, f"{step.command}: exit code {done.returncode}\n{done.stdout}"
        assert self.agrees(step.shown, done.stdout), f"{step.command} answers\n{done.stdout}"
