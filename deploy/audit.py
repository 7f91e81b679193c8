"""``make audit``: pip-audit on the lock files, in its own environment. Where it cannot be run, says so, and passes."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

ADVISORIES = "https://api.osv.dev/"
LOCKS = ("requirements.lock", "deploy/build.lock", "development.lock")


def main(uv: str, environment: str) -> int:
    """Audit each lock; 1 when one of them names a version with a known vulnerability."""
    if not _can_be_read():
        return _skip(f"{ADVISORIES} cannot be reached")
    python = f"{environment}/bin/python"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment],
        [uv, "pip", "install", "--quiet", "--python", python, "pip-audit"],
    ):
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own words
            return _skip("pip-audit cannot be installed")
    options = ["--vulnerability-service", "osv", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    codes = [
        subprocess.run([python, "-m", "pip_audit", *options, "--requirement", lock], check=False).returncode  # noqa: S603
        for lock in LOCKS
    ]
    return max(codes)


def _can_be_read() -> bool:
    try:
        urllib.request.urlopen(ADVISORIES, timeout=10).close()
    except urllib.error.HTTPError:
        return True  # it answers
    except OSError:
        return False
    return True


def _skip(reason: str) -> int:
    print(f"SKIPPED: nothing was audited, for {reason}.")  # noqa: T201 - a program for the terminal
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
