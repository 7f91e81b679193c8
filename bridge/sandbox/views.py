"""What a status page of either generation tells its readers, before it is put into HTML."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from bridge.sandbox.components import ComponentPage
from bridge.sandbox.conditions import IMPACTS, OPERATIONAL, SEVERITIES, Condition
from bridge.sandbox.uptime import DAY_MS, Day, Span, last_days, percentage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.sandbox.catalog import AnyPage, Page
    from bridge.sandbox.components import Component
    from bridge.sandbox.impacts import AnyIncident, PageIncident
    from bridge.sandbox.incidents import Incident, Update
    from bridge.sandbox.state import State

HISTORY_DAYS = 10


class Row(NamedTuple):
    """A service or component, how it is now, and its last 90 days."""

    name: str
    condition: Condition
    days: list[Day]
    uptime: float


class Card(NamedTuple):
    """A group of rows; those in no group have no title."""

    title: str
    rows: list[Row]


class IncidentView(NamedTuple):
    """An incident: how bad, in the words of ``badge``; on what; its updates by their public date, newest first."""

    name: str
    open: bool
    condition: Condition
    badge: str
    affected: str
    started_at: int
    duration_s: int | None
    updates: list[Update]


class PageView(NamedTuple):
    """All that a page shows. ``history`` is by the day (its start) on which incidents began."""

    name: str
    condition: Condition
    cards: list[Card]
    open: list[IncidentView]
    history: list[tuple[int, list[IncidentView]]]


def view(state: State, page: AnyPage) -> PageView:
    """What ``page`` shows now."""
    return _of_components(state, page) if isinstance(page, ComponentPage) else _of_cards(state, page)


def _of_cards(state: State, page: Page) -> PageView:
    now, shown = state.wall_ms(), set(page.service_ids)
    incidents = [one for one in state.incidents.latest_first() if shown.intersection(one.service_ids)]

    def row(name: str, service_id: str) -> Row:
        own = [one for one in incidents if service_id in one.service_ids]
        condition = max((SEVERITIES[one.severity] for one in own if one.open), default=OPERATIONAL)
        return _row(name, condition, [Span(SEVERITIES[one.severity], *_span(one, now)) for one in own], now)

    cards = [
        Card(card.name, [row(one.name, one.id) for one in state.catalog.existing(card.service_ids)])
        for card in page.cards
    ]
    return _page(page.name, cards, [_with_severity(state, one) for one in incidents], now)


def _of_components(state: State, page: ComponentPage) -> PageView:
    now, incidents = state.wall_ms(), state.on(page)
    phases = [phase for one in incidents for phase in one.phases]

    def row(component: Component) -> Row:
        own = [phase for phase in phases if phase.component_id == component.id]
        condition = max((IMPACTS[phase.impact] for phase in own if phase.ended_at is None), default=OPERATIONAL)
        spans = [Span(IMPACTS[one.impact], one.started_at, one.ended_at or now) for one in own]
        return _row(component.name, condition, spans, now)

    visible = [component for component in page.in_order() if not component.hidden]
    titles = {component.id: component.name for component in page.components.values()}
    services = [component for component in visible if component.type == "SERVICE"]
    cards = [
        Card(titles.get(parent or "", ""), [row(component) for component in group])
        for parent, group in groupby(services, lambda component: component.parent_id)
    ]
    return _page(page.name, cards, [_with_impacts(page, one) for one in incidents], now)


def _page(name: str, cards: list[Card], incidents: list[IncidentView], now: int) -> PageView:
    ongoing, today = [one for one in incidents if one.open], now // DAY_MS
    return PageView(
        name=name,
        condition=max((one.condition for one in ongoing), default=OPERATIONAL),
        cards=cards,
        open=ongoing,
        history=[
            (day * DAY_MS, [one for one in incidents if one.started_at // DAY_MS == day])
            for day in range(today, today - HISTORY_DAYS, -1)
        ],
    )


def _row(name: str, condition: Condition, spans: Sequence[Span], now: int) -> Row:
    days = last_days(spans, now)
    return Row(name, condition, days, percentage(days))


def _with_severity(state: State, incident: Incident) -> IncidentView:
    affected = (service.name for service in state.catalog.existing(incident.service_ids))
    return _incident(incident, SEVERITIES[incident.severity], incident.severity, affected)


def _with_impacts(page: ComponentPage, incident: PageIncident) -> IncidentView:
    """An open one is as bad as it is now, a resolved one as bad as it ever was."""
    suffered = incident.impacts.values() if incident.open else (phase.impact for phase in incident.phases)
    condition = max((IMPACTS[impact] for impact in suffered), default=OPERATIONAL)
    affected = (
        f"{page.components[component].name}: {IMPACTS[impact].words}"
        if incident.open
        else page.components[component].name
        for component, impact in incident.impacts.items()
    )
    return _incident(incident, condition, condition.words, affected)


def _incident(incident: AnyIncident, condition: Condition, badge: str, affected: Iterable[str]) -> IncidentView:
    return IncidentView(
        name=incident.name,
        open=incident.open,
        condition=condition,
        badge=badge,
        affected=", ".join(affected),
        started_at=incident.started_at,
        duration_s=incident.duration_s,
        updates=sorted(incident.updates, key=lambda update: update.public_at)[::-1],
    )


def _span(incident: Incident, now: int) -> tuple[int, int]:
    return incident.started_at, now if incident.ended_at is None else incident.ended_at
