"""``bridge demo``: an outage from alert to recovery, played through the real service against the simulator."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import Struct

from bridge.cli.demo_stack import DemoStack
from bridge.cli.errors import CommandError
from bridge.cli.output import print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PACE_S = 4.0
_HURRIED_PACE_S = 0.5
_CHECKOUT = {"alertname": "HighErrorRate", "service": "checkout", "region": "eu-west-1"}
_PAYMENTS = {"alertname": "PaymentsTimeouts", "service": "payments", "region": "eu-west-1"}


class Act(Struct, frozen=True):
    """One turn of the outage: what happens, which alerts are sent of it, and how the page's incident looks then."""

    tells: str
    alerts: tuple[tuple[Mapping[str, str], str], ...]
    is_shown: Callable[[Mapping[str, Any]], bool]


def _is(status: str, severity: str, services: int) -> Callable[[Mapping[str, Any]], bool]:
    def is_shown(incident: Mapping[str, Any]) -> bool:
        shown = (incident["lastUpdateStatus"], incident["severity"], len(incident["services"]))
        return shown == (status, severity, services)

    return is_shown


_ACTS = (
    Act(
        "Checkout in eu-west-1 returns errors: a warning fires.",
        (({**_CHECKOUT, "severity": "warning"}, "firing"),),
        _is("INVESTIGATING", "MEDIUM", 1),
    ),
    Act(
        "Payments there is slow, too: the same incident grows.",
        (({**_PAYMENTS, "severity": "warning"}, "firing"),),
        _is("INVESTIGATING", "MEDIUM", 2),
    ),
    Act(
        "Checkout is down: the severity rises, once, however often the alert repeats.",
        tuple(({**_CHECKOUT, "severity": "critical"}, "firing") for _ in range(3)),
        _is("INVESTIGATING", "CRITICAL", 2),
    ),
    Act(
        "All alerts resolve: the bridge watches for a while.",
        (
            ({**_CHECKOUT, "severity": "warning"}, "resolved"),
            ({**_CHECKOUT, "severity": "critical"}, "resolved"),
            ({**_PAYMENTS, "severity": "warning"}, "resolved"),
        ),
        _is("MONITORING", "CRITICAL", 2),
    ),
    Act("It stays quiet: the incident is over.", (), _is("RESOLVED", "CRITICAL", 2)),
)


def demo(
    *,
    oneshot: Annotated[
        bool, Parameter(negative="", show_default=False, help="Run faster, and exit when the outage is over.")
    ] = False,
) -> None:
    """Play an outage from alert to recovery on this machine. Nothing leaves it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, nothing is left running
    pace_s = _HURRIED_PACE_S if oneshot else _PACE_S
    with ExitStack() as held:
        try:
            directory = Path(held.enter_context(TemporaryDirectory(prefix="bridge-demo-")))
        except OSError as error:
            raise CommandError(f"Cannot make a temporary directory: {error.strerror}. Set TMPDIR.") from error
        stage = held.enter_context(DemoStack(directory, pace_s))
        say("", f"Status page  {stage.page_url}", f"Bridge       {stage.bridge_url}/metrics", "", flush=True)
        time.sleep(pace_s)
        for act in _ACTS:
            say("", f">>> {act.tells}", "", flush=True)
            for labels, status in act.alerts:
                stage.deliver(labels, status)
            stage.wait_for(act.is_shown, act.tells)
            time.sleep(pace_s)
        _print_timeline(stage)
        if not oneshot:
            say("", f"The status page stays at {stage.page_url} until Ctrl-C.", flush=True)
            stage.wait_for_interrupt()


def _print_timeline(stage: DemoStack) -> None:
    incident = stage.incident()
    updates = sorted(incident["incidentUpdates"], key=lambda update: str(update["created_at"]))
    say("", f"The incident as readers see it: {incident['name']}")
    rows = [
        (update["created_at"][11:19], update["status"], "mailed" if update["notifySubscribers"] else "", _line(update))
        for update in updates
    ]
    print_table(rows, indent="  ")
    services = ", ".join(service["name"] for service in incident["services"])
    say(f"  in the end {incident['lastUpdateStatus']}: severity {incident['severity']}, services {services}")
    say("", "What the bridge wrote to Checkly:")
    print_table(([call["method"], call["path"], *_written(call)] for call in stage.writes()), indent="  ")


def _line(update: Mapping[str, Any]) -> str:
    return str(update["description"]).partition("\n")[0]


def _written(call: Mapping[str, Any]) -> tuple[str, str]:
    """What one write said: status or severity, and services or whether subscribers are mailed."""
    body = call["request"]
    update = body["incidentUpdates"][0] if "incidentUpdates" in body else body
    services = ", ".join(service["name"] for service in body.get("services", ()))
    mailed = f"notifySubscribers: {str(update['notifySubscribers']).lower()}" if "status" in update else ""
    said = " ".join(part for part in (update.get("status", ""), body.get("severity", ""), services) if part)
    return said, mailed
