"""What an operator asks for, and which orders are in force that this left. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.orders import NO_ORDERS, Order, Orders, Verb
from bridge.phase import Phase
from bridge.texts.sanitize import public_words
from bridge.texts.template import MAX_CHARS

if TYPE_CHECKING:
    from bridge.model import Incident, Progress, Summary

ON_THE_PAGE = "person on the page"
"""Who takes an incident over by an update on the page (`people.on_update: stop`)."""
SAID_AS = (Phase.IDENTIFIED, Phase.MONITORING)
"""The statuses that an operator's update may show."""


class Action(Struct, frozen=True, kw_only=True):
    """What the operator ``by`` wants done, and why; each field beyond that is for the verbs that it names.

    ``revision`` is that of the incident as the operator saw it. Two actions with one ``key`` are one, which is carried
    out once. Nothing in it is checked here but by the store: `Store.act`.
    """

    verb: Verb
    by: str
    reason: str = ""
    revision: int | None = None
    key: str = ""
    for_ms: int | None = None  # hold, mute: for so long; None: until something else ends it
    alert: str = ""  # mute, unmute: the alert, by its name in the API (source/fingerprint, source@sender/fingerprint)
    text: str = ""  # say: the words for the public
    status: Phase | None = None  # say: one of SAID_AS; None: as it stands
    quiet: bool = False  # publish: without a mail
    notify: bool = False  # say: with a mail, if the budget allows
    posted_at: int | None = None  # take-over by who posted on the page: when, by the page's clock


def said(text: str) -> str:
    """What is published of an operator's words: they are cleaned as those are that people write in PagerDuty."""
    return public_words(text, MAX_CHARS)


def take_over_on_page(update_id: str, posted_at: int) -> Action:
    """What it means that somebody posted that update on the page of our incident."""
    return Action(
        verb=Verb.TAKE_OVER,
        by=ON_THE_PAGE,
        reason="posted an update on the page",
        key=f"page/{update_id}",
        posted_at=posted_at,
    )


def in_force(incident: Incident, now: int) -> Orders:
    """Those of an incident's orders that nothing has ended: no time, no end of the outage, nobody on the page."""
    orders, summary = incident.orders, incident.summary
    if orders == NO_ORDERS:
        return orders
    taken_over = orders.take_over
    return Orders(
        hold=_in_time(orders.hold, now),
        publish=_in_outage(orders.publish, summary),
        dismiss=_in_outage(orders.dismiss, summary),
        resolve=_unless_closed(_in_outage(orders.resolve, summary), incident.progress),
        take_over=taken_over if taken_over and not _is_handed_back(taken_over, incident) else None,
        retry=orders.retry,
        mutes={name: mute for name, mute in orders.mutes.items() if _in_time(mute, now)},
    )


def over(incident: Incident, now: int) -> Orders:
    """Those of an incident's orders that are to be forgotten with what is decided now: ended, or obeyed by it."""
    orders, kept = incident.orders, in_force(incident, now)
    return Orders(
        hold=None if kept.hold else orders.hold,
        publish=None if kept.publish else orders.publish,
        dismiss=None if kept.dismiss else orders.dismiss,
        resolve=None if kept.resolve else orders.resolve,
        take_over=None if kept.take_over else orders.take_over,
        retry=orders.retry,
        mutes={name: mute for name, mute in orders.mutes.items() if name not in kept.mutes},
    )


def standing(orders: Orders) -> list[tuple[Verb, Order, str]]:
    """Each order with its verb and, of a mute, the name of its alert; what weighs most comes first."""
    given = (
        (Verb.TAKE_OVER, orders.take_over),
        (Verb.DISMISS, orders.dismiss),
        (Verb.HOLD, orders.hold),
        (Verb.PUBLISH, orders.publish),
        (Verb.RESOLVE, orders.resolve),
        (Verb.RETRY, orders.retry),
    )
    mutes = [(Verb.MUTE, mute, name) for name, mute in sorted(orders.mutes.items())]
    return [*((verb, order, "") for verb, order in given if order is not None), *mutes]


def _in_time(order: Order | None, now: int) -> Order | None:
    return order if order is not None and (not order.until or now < order.until) else None


def _in_outage(order: Order | None, summary: Summary) -> Order | None:
    """What was ordered of an outage is over with it: what fires anew is judged anew."""
    if order is None:
        return None
    since = summary.firing_since if summary.firing else summary.cleared_at
    return order if order.at >= since else None


def _unless_closed(order: Order | None, progress: Progress) -> Order | None:
    """An end by order is over once every page shows it; from then on it stands like one by hand."""
    if order is None:
        return None
    posts = [post for post in progress.posts.values() if post.remote_id is not None or post.intent is not None]
    is_done = any(post.closed_at is not None and post.closed_at >= order.at for post in posts)
    return None if is_done and all(post.closed_at is not None and post.intent is None for post in posts) else order


def _is_handed_back(order: Order, incident: Incident) -> bool:
    """Whether the person has ended it on the page, or it is over and nothing of it stands there.

    What fires again may still be in the phase of its last end, until it is old enough to be published.
    """
    progress, posts, summary = incident.progress, incident.progress.posts.values(), incident.summary
    if any(post.intent is not None or (post.is_open and post.closed_at is None) for post in posts):
        return False
    was_closed = any(post.closed_at is not None and post.closed_at >= order.at for post in posts)
    if was_closed or progress.phase not in {Phase.RESOLVED, Phase.DISCARDED}:
        return was_closed
    return not summary.firing or progress.phase_since >= order.at or summary.firing_since > order.at
