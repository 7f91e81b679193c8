"""What the store promises of operators' orders, restated without Redis."""

from __future__ import annotations

from dataclasses import dataclass

from tests.unit.store.reference import Given, Kept, Reference

DECISIONS = frozenset({"publish", "dismiss", "resolve"})
MOST_MUTED_MS = 2_592_000_000
DONE, REPEAT, NOT_POSSIBLE, TOO_LATE = "done", "repeat", "not_possible", "too_late"
NOT_FOUND, CONFLICT = "not_found", "conflict"


@dataclass(frozen=True)
class Act:
    """What an operator wants; ``revision`` is that of the incident as they saw it, if they say so."""

    verb: str
    by: str
    revision: int | None = None
    key: str = ""
    for_ms: int | None = None
    alert: str = ""  # its whole name
    text: str = ""

    @property
    def what(self) -> tuple[str, str, str]:
        """What two under one key have in common."""
        return self.verb, self.alert, self.text


class Ordered(Reference):
    """The store's promises, with orders and mutes."""

    def __init__(self, hold_ms: int) -> None:
        super().__init__(hold_ms)
        self.wall: int | None = None  # the time of day, where that is another than `now`
        self._acted: dict[tuple[str, str], tuple[str, str, str]] = {}  # by incident and key

    def act(self, id_: str, act: Act) -> str:
        """What becomes of it."""
        incident = self.incidents.get(id_)
        if incident is None:
            return NOT_FOUND
        if act.key and (id_, act.key) in self._acted:
            return REPEAT if self._acted[id_, act.key] == act.what else CONFLICT
        if self._is_late(incident, act):
            return CONFLICT
        failure = self._refusal(incident, act)
        if failure:
            return failure
        self._give(id_, incident, act)
        incident.revision += 1
        incident.last = (act.by, incident.revision)
        if incident.leased_until <= self.now:
            incident.due = min(incident.due, self.now)
        if act.key:
            self._acted[id_, act.key] = act.what
        return DONE

    def _is_late(self, incident: Kept, act: Act) -> bool:
        """Whether another has decided the same, or anything has happened that the operator did not see."""
        if act.revision is not None and incident.last and incident.last[1] > act.revision:
            return True
        same = incident.orders.get(act.verb)
        has_seen = act.revision is not None and act.revision >= incident.revision
        is_decided = act.verb == "take-over" or (
            act.verb in DECISIONS and same and self._is_of_this_outage(incident, same)
        )
        if same and same.by != act.by and is_decided and not has_seen:
            return True
        return act.verb in DECISIONS and act.revision is not None and act.revision < incident.revision

    @staticmethod
    def _is_of_this_outage(incident: Kept, given: Given) -> bool:
        return given.at >= incident.clocks["firing_since" if incident.count("F") else "cleared_at"]

    def _refusal(self, incident: Kept, act: Act) -> str:
        if act.verb in {"mute", "unmute"}:
            alert = incident.alerts.get(act.alert)
            if alert is None:
                return NOT_FOUND
            may = alert.muted is not None or (act.verb == "mute" and alert.status != "R")
            return "" if may else NOT_POSSIBLE
        fires, recorded, is_theirs = incident.count("F") > 0, incident.recorded, "take-over" in incident.orders
        match act.verb:
            case "publish":
                if not fires or is_theirs:
                    return NOT_POSSIBLE
                return TOO_LATE if recorded.is_open and "+withheld" not in recorded.tally else ""
            case "dismiss":
                return TOO_LATE if recorded.is_open else "" if fires else NOT_POSSIBLE
            case "resolve" | "say":
                return NOT_POSSIBLE if not recorded.is_open or is_theirs else ""
            case "take-over":
                return "" if fires or recorded.is_open else NOT_POSSIBLE
            case "hand-back":
                return "" if is_theirs else NOT_POSSIBLE
            case "release":
                return "" if "hold" in incident.orders else NOT_POSSIBLE
        return ""

    def _give(self, id_: str, incident: Kept, act: Act) -> None:
        given = Given(act.by, self.now, self.now + act.for_ms if act.for_ms and act.verb == "hold" else 0)
        orders = incident.orders
        match act.verb:
            case "publish" | "dismiss" | "hold":
                for other in {"publish": ("dismiss",), "dismiss": ("publish",), "hold": ("publish",)}[act.verb]:
                    orders.pop(other, None)
                orders[act.verb] = given
            case "resolve" | "retry":
                orders[act.verb] = given
            case "take-over":
                if "take-over" not in orders or orders["take-over"].by != act.by:
                    orders[act.verb] = given
            case "hand-back":
                del orders["take-over"]
                orders[act.verb] = given
            case "release":
                del orders["hold"]
            case "mute":
                self._mute(id_, act.alert, self.now + (act.for_ms or MOST_MUTED_MS), act.by)
            case "unmute":
                with self._one_change(), self._touched(id_):
                    known = incident.alerts[act.alert]
                    self._unmute(id_, act.alert)
                    self._start(id_, known)

    def _mute(self, id_: str, name: str, till: int, by: str) -> None:
        with self._one_change(), self._touched(id_) as incident:
            known = incident.alerts[name]
            if known.status == "F":
                self._changes[id_].ends.append(self.now if self.wall is None else self.wall)
            known.status, known.ends, known.resolved_at = "R", 0, self.now
            known.muted = known.timer = till
        incident.orders[f"mute|{name}"] = Given(by, self.now, till)
