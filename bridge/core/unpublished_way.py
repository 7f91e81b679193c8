"""The way of alerts that are not published, and where it stopped: pure. See `stations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.core.stations import Station, Way, passed, stopped

if TYPE_CHECKING:
    from bridge.config.schema import Config


class Stop(Struct, frozen=True, kw_only=True):
    """What is known of them: what decided, when they were ``delivered`` (in words), and the nearest name.

    ``detail`` says what is wrong with unusable ones, or which limit had no room.
    """

    reason: str
    route: str
    label: str
    value: str
    detail: str
    delivered: str
    nearest: str | None


def way_of_unpublished(stop: Stop, config: Config) -> Way:
    """Where it stopped, why, and what to do about it, by the configuration in force."""
    near = f' Did you mean "{stop.nearest}"?' if stop.nearest else ""
    value = f'{stop.label} is "{stop.value}"' if stop.label else "its value is not kept"
    route = _place(stop.route, config)
    match stop.reason:
        case "unusable":
            remedy = "Correct the sender's template: the HTTP reference lists which fields are needed."
            return stopped(passed(stop.delivered), f"it cannot be understood: {stop.detail}", remedy)
        case "stale":
            why = "it is older than what is known of this alert, or more than seven days old, so it may be a replay"
            remedy = "Nothing, if the sender repeats or delays messages. Else compare the clocks of sender and Redis."
            return stopped(passed(stop.delivered), why, remedy)
        case "unmatched":
            why = f"no route of {config.path} matches" + (f"; of the closest one, {value}.{near}" if stop.label else "")
            return stopped(
                _understood(stop), why, "Correct the label in the alert rule, or add a route for such alerts."
            )
        case "ignored":
            remedy = f"If it should be public, put a route that publishes it before {route}."
            return stopped(_understood(stop), f"{route} says ignore: true", remedy)
        case "unknown_service":
            why = f"{route} takes the service from a label: {value}, which names no entry of services.{near}"
            if stop.value in config.services:
                why = f"{route} took the service from a label: {value}, which the configuration has by now"
            return stopped(_understood(stop), why, "Correct the label in the alert rule, or add the service.")
        case _:
            before = passed(stop.delivered, "", route)
            remedy = "Stop the sender that varies its labels, or raise the limit (runbook BridgeAlertsOverLimit)."
            return stopped(before, f"not stored: there is no room under {stop.detail}", remedy, at="allowed")


def _understood(stop: Stop) -> list[Station]:
    return passed(stop.delivered, "")


def _place(name: str, config: Config) -> str:
    found = config.route(name)
    return f'route "{name}"' + (f" ({config.path}:{found.line})" if found else " (no longer in the configuration)")
