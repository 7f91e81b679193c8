"""``make check``: luacheck on each script as Redis runs it, its shared parts before it.

What a shared part defines and one script does not use is no finding; what none of its scripts uses is one. Where
luacheck is missing, that is said and passes, unless ``BRIDGE_REQUIRE_LUACHECK`` is set, as continuous integration does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.store import scripts
from bridge.store.scripts import Script

ROOT = Path(__file__).parents[1]
FOLDER = Path(scripts.__file__).parent
FINDING = re.compile(r".*?:(?P<line>\d+):\d+: \((?P<code>\w+)\) (?P<words>.*)")
UNUSED = ("W2", "W3")  # codes of luacheck: a definition, or a value, that nothing reads
NOISE = re.compile(r" (?:on|was previously defined on) line \d+$")  # a line of the joined text is no help

Place = tuple[str, int]  # a file, and a line of it


def lint(script_list: list[Script]) -> list[str]:
    """What luacheck finds, each as ``file:line: code words``, once."""
    of_place: dict[tuple[Place, str], set[str]] = defaultdict(set)
    scripts_of: dict[str, set[str]] = defaultdict(set)
    for script in script_list:
        places = _places(script)
        for file, _ in places:
            scripts_of[file].add(script.name)
        for line, words in _run(script.text):
            of_place[places[line - 1], words].add(script.name)
    return [
        f"{(FOLDER / file).relative_to(ROOT)}:{line}: {words}"
        for ((file, line), words), found_in in sorted(of_place.items())
        if not words.startswith(UNUSED) or found_in == scripts_of[file]
    ]


def _places(script: Script) -> list[Place]:
    """Where each line of a script's text comes from."""
    parts = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.lua")}
    used = sorted(
        (name for name in parts if parts[name] in script.text), key=lambda name: script.text.index(parts[name])
    )
    assert "".join(parts[name] for name in used) == script.text, f"{script.name} is not made of whole files"
    return [(name, line) for name in used for line in range(1, parts[name].count("\n") + 1)]


def _run(text: str) -> list[tuple[int, str]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "script.lua"
        path.write_text(text, "utf-8")
        command = [
            "luacheck",
            "--config",
            str(ROOT / ".luacheckrc"),
            "--codes",
            "--formatter",
            "plain",
            "--no-color",
            str(path),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode > 2:  # 1: warnings, 2: a mistake of syntax
        raise SystemExit(f"luacheck failed: {result.stderr}{result.stdout}")
    found = [FINDING.match(line) for line in result.stdout.splitlines()]
    return [(int(each["line"]), f"{each['code']} {NOISE.sub('', each['words'])}") for each in found if each]


def main() -> int:
    """Print the findings; 1 when there are any."""
    if shutil.which("luacheck") is None:
        print("SKIPPED: the Lua scripts were not linted, for luacheck is missing (apt install lua-check).")
        return 1 if os.environ.get("BRIDGE_REQUIRE_LUACHECK") else 0
    script_list = [each for each in vars(scripts).values() if isinstance(each, Script)]
    findings = lint(script_list)
    print("\n".join(findings) or f"luacheck: {len(script_list)} scripts, no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
