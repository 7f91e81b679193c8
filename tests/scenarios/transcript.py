"""A page of the documentation, typed as it is printed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.servers import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VARIES = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
    r"\d+s ago": r"\d+[sm] ago",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    r"\b\d+s\b": r"\d+[sm]\S*",
    r" +": r" +",
}


class Step(NamedTuple):
    """A command, and what the page shows of its answer: the beginning, where that ends with an ellipsis."""

    command: str
    shown: str


class Transcript:
    """The commands of a section, in their order. Ids that Checkly makes differ from those printed; times, too."""

    def __init__(self, page: str, heading: str, environment: Mapping[str, str]) -> None:
        section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        found = re.findall(r"^    \$ (.*)\n((?:    (?!\$ ).*\n|\n(?=    (?!\$ )))*)", section, re.MULTILINE)
        self._steps = iter([Step(command, re.sub("(?m)^    ", "", shown)) for command, shown in found])
        self._environment = environment
        self._ids: dict[str, str] = {}

    def goes_on(self, steps: int = 1) -> None:
        """Types the next commands, as the page prints them; what only lists is typed until it answers as printed."""
        for command, shown in (next(self._steps) for _ in range(steps)):
            typed = _ID.sub(lambda found: self._ids.get(found[0], found[0]), command)
            if re.search(r" (list|show|services)\b", command):
                eventually(lambda: self._type(typed, shown), command)  # noqa: B023 - awaited within the round
            else:
                self._type(typed, shown)

    @property
    def is_over(self) -> bool:
        """Whether all commands of the section were typed."""
        return next(self._steps, None) is None

    def _type(self, command: str, shown: str) -> bool:
        done = subprocess.run(
            ["bash", "-c", command], env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stderr}"
        found = re.match(self._pattern(shown), done.stdout)
        assert found, f"{command} answers\n{done.stdout}"
        self._ids |= dict(zip(_ID.findall(shown), _ID.findall(found[0]), strict=True))
        return True

    def _pattern(self, shown: str) -> str:
        pattern = "".join(
            map(self._piece, re.split(rf"({'|'.join([_ID.pattern, *_VARIES])})", shown.removesuffix("…\n")))
        )
        return pattern if shown.endswith("…\n") else f"{pattern}$"

    def _piece(self, text: str) -> str:
        if _ID.fullmatch(text):
            return re.escape(self._ids[text]) if text in self._ids else _ID.pattern
        return next((varies for shown, varies in _VARIES.items() if re.fullmatch(shown, text)), re.escape(text))
