"""The command line, ``bridge``: one module per command, each imported only when it is used.

Exit codes: 0 all is well, 1 something is wrong that the command was asked to look at or needs, 2 wrong usage.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from inspect import cleandoc
from typing import TYPE_CHECKING, TextIO

from cyclopts import App, CycloptsError

from bridge import __version__
from bridge.cli.errors import USAGE, WRONG, CommandError
from bridge.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "serve": """Receive alerts and keep the status pages in step with them, until SIGTERM.

        Secrets and addresses come from the environment; each variable may be NAME_FILE instead:
        CHECKLY_API_KEY, CHECKLY_ACCOUNT_ID, CHECKLY_API_URL, REDIS_URL (unset: an embedded Valkey under ./data),
        REDIS_NAMESPACE, ALERTMANAGER_TOKENS, PAGERDUTY_SIGNING_SECRETS, ADMIN_TOKENS, OPERATOR_TOKENS, LOG_LEVEL,
        LOG_FORMAT.""",
    "check": """Check a configuration file; with --online also the account it is for.

        Prints every problem with its place (exit code 1), or else a summary of what the configuration does.""",
    "explain": """Show how a payload would be handled: route, severity, services, texts. Sends nothing.

        The payload is a webhook's body, or a capture of several: {"deliveries": [{"t": seconds, "body": {...}}]}.
        Exit code 1 when it, or one of its alerts, cannot be understood.""",
    "services": """List the account's services and v3 components, ready to paste into the configuration.

        Comments out those that no reader sees.""",
    "incidents": "Show the incidents of a running bridge, and act on them.",
    "why": """Show where an alert is on its way to the page, and what stopped it. Needs the bridge's ADMIN_TOKENS.

        WHAT is an incident's id, a fingerprint, an alert's name, or labels: alertname=DiskFull service=checkout.
        The six stations: delivered, understood, routed, old enough, allowed, written.""",
    "heal": """Show what the Alertmanagers list of the open alerts, and the evidence for and against closing each.

        Changes nothing. Asks the running bridge alone, by its ADMIN_TOKENS: what it shows is of the last rounds.""",
    "alerts": "Show the alerts that a running bridge did not publish.",
    "history": "Export the outages of a running bridge, for an audit.",
    "budgets": "Show how much a running bridge may still publish.",
    "sandbox": "Run a simulator of Checkly with a status page to look at.",
    "demo": "Play an outage from alert to recovery on this machine.",
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

app = App(
    name="bridge",
    help="Turn Prometheus Alertmanager and PagerDuty alerts into incidents on Checkly status pages.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
)
for _name, _help in _COMMANDS.items():
    app.command(f"bridge.cli.{_name}:{_name}", name=_name, help=cleandoc(_help))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["serve"]:
        # It reloads at SIGHUP, which by default kills; this is before its imports, which take a moment.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _prepare_process()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as head has
        _discard_output(sys.stdout)
        return WRONG
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _discard_output(sys.stdout)
        _print_error(f"Cannot write {error.filename or 'the output'}: {error.strerror}.")
        return WRONG
    return code


def _discard_output(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # Python flushes once more at its end


def _prepare_process() -> None:
    """Make of the process what the commands rely on, whatever started it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # closed: the next file or connection would take its number, and our output
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than we print
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        os.environ.pop(name, None)  # for programs of several processes; the bridge's metrics are of one


def _print_error(message: object) -> None:
    try:
        say(*str(message).split("\n"), file=sys.stderr, flush=True)
    except OSError:
        _discard_output(sys.stderr)  # the exit code says it, too


def _run(words: list[str]) -> int:
    try:
        code: int | None = app(words, exit_on_error=False)
    except CycloptsError:
        return USAGE  # it has been printed
    except CommandError as failure:
        _print_error(failure)
        return failure.code
    return code or 0
