"""Where the files under test are, and the program that judges them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers import programs

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def run(program: str, *arguments: str | Path) -> str:
    """What the program prints. Its complaint is the test's failure."""
    done = subprocess.run([programs.require(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
    return done.stdout
