"""``GET /api/why``: where an alert is on its way to the page, and what stopped it, by the configuration in force.

Reads alone, and a bounded number of things; any replica can answer, for what it needs is in Redis.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.core.routing import route
from bridge.core.stations import State, Way, stopped, way_of_incident, way_to_nowhere
from bridge.core.told import short_name
from bridge.core.unpublished_way import Stop, way_of_unpublished
from bridge.json_values import from_ms
from bridge.messages import nearest
from bridge.model import RECEIVER_LABEL, SOURCE_LABEL, Ignored, Routed
from bridge.senders import alertmanager
from bridge.senders.fingerprint import Identifier
from bridge.senders.pagerduty import parser as pagerduty
from bridge.senders.steps import run_in_steps
from bridge.store import REFUSED
from bridge.web.alerts import did_you_mean
from bridge.web.delivery_report import IGNORED
from bridge.web.parameters import parameters
from bridge.web.responses import HTTPError, json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.model import Incident
    from bridge.store import CountedAlert, Detail, Finding, FoundAlert, UnpublishedGroup
    from bridge.web.alerts import GroupReader

MOST_LABELS: Final = 64
MOST_CHARS: Final = 4_096
_MOST_GROUPS = 5
_INCIDENT_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{10}(?:\.[0-9]+)?")
_NAME_LABEL = "alertname"
_ELSEWHERE = (
    "Check that the sender delivers and is not refused: `delivery_rejected` in the log. "
    "A watchdog's alerts are nowhere listed."
)


class Finder(Protocol):
    """Finds stored alerts. Every method raises StoreUnavailable."""

    async def paused(self) -> str | None:
        """Why every write waits, if it does."""
        ...

    async def by_fingerprint(self, fingerprint: str, origins: Sequence[tuple[str, str]]) -> Finding:
        """The alerts of this fingerprint, first of these sources and senders."""
        ...

    async def by_name(self, name: str, ids: Sequence[str] = ()) -> Finding:
        """Alerts of this name, of these incidents or of any."""
        ...


class WhyStore(Protocol):
    """What is needed of the store. Raises StoreUnavailable."""

    @property
    def finder(self) -> Finder:
        """Finds stored alerts."""
        ...

    @property
    def unpublished(self) -> GroupReader:
        """The alerts that were not published."""
        ...

    async def incident(self, id_: str, /, *, count: int, after: int) -> Detail | None:
        """One incident; None if there is none of that id."""
        ...


class WhyApi:
    """Answers for an incident's id, a fingerprint, an alert's name, or labels; ``wall_ms`` is since the epoch."""

    def __init__(self, store: WhyStore, config: LiveConfig, *, wall_ms: Callable[[], int]) -> None:
        self._store = store
        self._config = config
        self._wall_ms = wall_ms

    async def why(self, request: Request) -> Response:
        """Every way that fits what is asked for, up to about ten, each with its six stations."""
        asked = parameters(request, ("subject", "label"))
        if len(request.url.query) > MOST_CHARS or len(asked) != 1 or not all(asked.values()):
            message = "expected either subject (an id, a fingerprint or an alert's name) or label=NAME=VALUE, repeated"
            raise HTTPError(400, "wrong_parameter", message)
        answer = _Answer(self._store, self._config.current, self._wall_ms())
        if "subject" in asked:
            return json_response(await answer.of_subject(asked["subject"].strip()))
        return json_response(await answer.of_labels(_labels(request.query_params.getlist("label"))))


def _labels(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals) or len(given) > MOST_LABELS:
            raise HTTPError(400, "wrong_parameter", f"label: expected NAME=VALUE, at most {MOST_LABELS} times")
        found[name] = value
    return {name: value for name, value in found.items() if value}


class _Answer:
    """What is found for one question, as of ``now``."""

    def __init__(self, store: WhyStore, config: Config, now: int) -> None:
        self._store = store
        self._config = config
        self._now = now
        self._ways: list[dict[str, Any]] = []
        self._unsearched: list[str] = []
        self._origins = [
            (source, sender)
            for source in (alertmanager.SOURCE, pagerduty.SOURCE)
            for sender in ("", *config.senders.of(source))
        ]

    async def of_subject(self, subject: str) -> dict[str, Any]:
        """For an incident's id, a fingerprint or an alert's name, whichever fits."""
        paused, name = await self._store.finder.paused(), short_name(subject)
        if _INCIDENT_ID.fullmatch(subject.upper()):
            detail = await self._store.incident(subject.upper(), count=1, after=0)
            if detail is not None:
                self._ways.append(_incident_view(detail.incident, None, self._config, self._now, paused))
                return self._view(subject=subject)
        await self._add_found(await self._store.finder.by_fingerprint(subject, self._origins), paused)
        if self._config.operator_labels is None:
            self._unsearched.append("names are not kept (operator_labels: none): give labels, a fingerprint or an id")
        elif not self._ways:
            await self._add_found(await self._store.finder.by_name(name), paused)
        groups = (await self._store.unpublished.all(now=self._now)).groups
        self._add_groups(
            each for each in groups if (name or None) == each.about.name or each.example.fingerprint == subject
        )
        hint = None
        if not self._ways:
            names = {each.about.name for each in groups if self._config.operator_labels is not None} - {""}
            hint = next(iter(nearest(name, names)), None)
            near = f' Did you mean "{hint}"?' if hint else ""
            why = f"no stored alert, and none that was left unpublished within 24 hours, is known by that.{near}"
            remedy = f"{_ELSEWHERE} Where it would go: bridge why {_NAME_LABEL}=… LABEL=VALUE …"
            self._ways.append(_way_view(stopped((), why, remedy)))
        return self._view(subject=subject, did_you_mean=hint)

    async def of_labels(self, labels: Mapping[str, str]) -> dict[str, Any]:
        """For labels: where they lead, and what is known of such an alert."""
        full = {SOURCE_LABEL: alertmanager.SOURCE, RECEIVER_LABEL: "", **labels}
        routed = route(full, self._config)
        paused = await self._store.finder.paused()
        own = {name: value for name, value in labels.items() if not name.startswith("__")}
        fingerprint = await run_in_steps(Identifier().fingerprint(own))
        await self._add_found(await self._store.finder.by_fingerprint(fingerprint, self._origins), paused)
        name = short_name(labels.get(_NAME_LABEL, ""))
        if not self._ways and name and isinstance(routed, Routed):
            await self._add_found(await self._store.finder.by_name(name, [routed.id]), paused)
        groups = (await self._store.unpublished.all(now=self._now)).groups
        self._add_groups(each for each in groups if _fits(each, routed, name, fingerprint))
        if not self._ways:
            why = "no such alert is stored, and none was left unpublished within 24 hours"
            self._ways.append(_way_view(way_to_nowhere(routed, why, _ELSEWHERE), name=name or None))
        return self._view(labels=labels, routing=_routing_view(routed))

    async def _add_found(self, finding: Finding, paused: str | None) -> None:
        if finding.unsearched and finding.unsearched not in self._unsearched:
            self._unsearched.append(finding.unsearched)
        for found in finding.alerts:
            detail = await self._store.incident(found.incident_id, count=1, after=0)
            if detail is not None:
                self._ways.append(_incident_view(detail.incident, found, self._config, self._now, paused))

    def _add_groups(self, groups: Iterator[UnpublishedGroup]) -> None:
        for number, group in enumerate(groups):
            if number == _MOST_GROUPS:
                self._unsearched.append("more was left unpublished: bridge alerts list --not-published")
                break
            self._ways.append(_group_view(group, self._config))

    def _view(self, **asked: Any) -> dict[str, Any]:
        return {**asked, "ways": self._ways, "unsearched": self._unsearched}


def _fits(group: UnpublishedGroup, routed: Routed | Ignored, name: str, fingerprint: str) -> bool:
    """Whether an alert of these labels may be one of the group."""
    about = group.about
    if group.example.fingerprint == fingerprint:
        return True
    if about.name != name:
        return False
    if isinstance(routed, Routed):
        return about.reason not in IGNORED.values() and about.route in {"", routed.route}
    return (about.reason, about.label, about.value) == (IGNORED[routed.reason], routed.label, routed.value)


def _incident_view(
    incident: Incident, found: FoundAlert | None, config: Config, now: int, paused: str | None
) -> dict[str, Any]:
    alert = None if found is None else found.alert
    way = way_of_incident(
        incident,
        config,
        now,
        paused=paused,
        delivered=_delivered(incident, alert),
        why="" if alert is None else "; ".join(alert.why),
        is_held=alert is not None and alert.status == "held",
    )
    known = {} if alert is None else {"name": alert.name, "source": alert.source, "sender": alert.sender or None}
    fingerprint = None if alert is None else alert.fingerprint
    return _way_view(way, **known, fingerprint=fingerprint, incident=incident.id, phase=incident.progress.phase)


def _delivered(incident: Incident, alert: CountedAlert | None) -> str:
    if alert is None:
        return f"of its alerts {incident.summary.firing} fire, {incident.summary.held} are held"
    over = f", over since {from_ms(alert.ends_at)}" if alert.status == "resolved" and alert.ends_at else ""
    closed = f", closed by the bridge: {alert.healed}" if alert.healed else ""
    return f"{alert.status}, last delivered {from_ms(alert.seen_at)}{over}{closed}"


def _group_view(group: UnpublishedGroup, config: Config) -> dict[str, Any]:
    about, example = group.about, group.example
    keeps_words = config.operator_labels is not None
    times = "once" if group.count == 1 else f"{group.count} times since {from_ms(group.first_at)}"
    stop = Stop(
        reason=about.reason,
        route=about.route,
        label=about.label if keeps_words else "",
        value=about.value if keeps_words else "",
        detail=REFUSED.get(about.reason, about.detail),
        delivered=f"{times}, last at {from_ms(group.last_at)}",
        nearest=did_you_mean(group, config) if keeps_words else None,
    )
    return _way_view(
        way_of_unpublished(stop, config),
        name=(about.name or None) if keeps_words else None,
        source=example.source,
        sender=example.sender or None,
        fingerprint=example.fingerprint or None,
        reason=about.reason,
    )


def _way_view(way: Way, **known: str | None) -> dict[str, Any]:
    fields = ("name", "source", "sender", "fingerprint", "incident", "phase", "reason")
    at = next((each for each in way if each.state is State.STOPPED), None)
    return {
        **{name: known.get(name) for name in fields},
        "stopped_at": None if at is None else at.station,
        "remedy": None if at is None else at.remedy,
        "stations": [{"station": each.station, "state": each.state, "why": each.why} for each in way],
    }


def _routing_view(routed: Routed | Ignored) -> dict[str, Any]:
    id_, reason = (routed.id, None) if isinstance(routed, Routed) else (None, routed.reason)
    return {"incident": id_, "ignored": reason, "why": routed.why}
