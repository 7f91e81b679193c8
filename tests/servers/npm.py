"""Programs that come from the npm registry: installed once, into a cache of the user's outside the repository."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "checkly-bridge-tests"
LIMIT_S = 60.0


class NotInstalled(Exception):
    """A program can't be had on this machine; the message says why, for the list of what was skipped."""


def install(package: str, version: str, cache: Path = CACHE, *, within: float = LIMIT_S) -> str:
    """The path of the program that is named like its package; installs it, without its scripts, where it is missing.

    One process at a time installs; those that waited for it do not try again what it could not do.

    Raises:
        NotInstalled: there is no Node.js or no npm; npm failed (without a registry, or Node.js is too old);
            or it took longer than ``within`` seconds.
    """
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            raise NotInstalled(f"there is no {needed}")
    home = cache / f"{package}-{version}"
    program = home / "node_modules" / ".bin" / package
    if program.exists():
        return str(program)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{home.name}.lock").open("w") as lock, TemporaryDirectory(dir=cache) as directory:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_EX)  # held for `within` at most
            if not program.exists():
                raise NotInstalled("another process could not install it") from None
        if not program.exists():
            _fetch(f"{package}@{version}", Path(directory), within)
            Path(directory).rename(home)
    return str(program)


def _fetch(what: str, directory: Path, within: float) -> None:
    (directory / "package.json").write_text('{"private": true}')
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0", "--engine-strict")
    with subprocess.Popen(
        ["npm", "install", "--prefix", str(directory), *quiet, what],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as npm:
        try:
            _, errors = npm.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            raise NotInstalled(f"npm took longer than {within:g} s") from None
        finally:
            if npm.poll() is None:
                os.killpg(npm.pid, signal.SIGKILL)
    if npm.returncode != 0:
        code = re.search(r"code (\w+)", errors)
        raise NotInstalled(f"npm failed: {code[1] if code else npm.returncode}")
