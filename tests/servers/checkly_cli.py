"""Checkly's own command line, which the tests hand to a person who works beside the bridge."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.servers import programs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.servers.bridge import Sandbox

_LIMIT_S = 60.0


class ChecklyCli:
    """The command line with the key of the simulator's account; ``directory`` gets its files."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._environment = {
            "CHECKLY_ENV": "local",  # only so it looks at the address
            "CHECKLY_API_URL": sandbox.url,
            "CHECKLY_API_KEY": "sandbox",
            "CHECKLY_ACCOUNT_ID": sandbox.account_id,
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """Its variables, and nothing of the caller's but PATH: so it asks before it writes, as it asks a person."""
        quiet = {"CHECKLY_SKIP_NEW_VERSION_CHECK": "true", "CHECKLY_CLI_MODE": "interactive", "NO_COLOR": "1"}
        return {"PATH": os.environ["PATH"], "HOME": str(self._directory), **quiet, **self._environment}

    def run(self, *arguments: str) -> str:
        """What it prints; a failure of the command is the test's, with its message."""
        done = subprocess.run(
            [programs.require("checkly"), *arguments],
            cwd=self._directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )
        assert done.returncode == 0, f"checkly {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}"
        return done.stdout
