"""What stands on the page: a write that arrived, or an incident of ours that was found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.core.compose import references_in
from bridge.core.merging import at_the_end
from bridge.core.outcomes.failures import intended, rested
from bridge.core.outcomes.publication import found_at, published
from bridge.core.ownership import find_update
from bridge.edits import Edits
from bridge.model import Impact, Intent, Phase, Post, Retry, Severity, UpdateKind, Write

if TYPE_CHECKING:
    from bridge.core.remote import RemoteIncident
    from bridge.core.results import Adopted, Context, Sent


def begun(post: Post, intent: Intent, edits: Edits | None) -> Post:
    """The write is recorded, and may be looked for at once, even if another was put off."""
    retry = replace(post.retry, at=0, missing_at=None)
    return replace(post, intent=intent, retry=retry, stale_at=None, withheld=None, edits=edits or post.edits)


def without_date(post: Post, seen: tuple[str, ...]) -> Post:
    """The write is recorded as it goes out next; ``seen`` show the same text already."""
    return replace(post, intent=replace(intended(post), is_dated=False, seen=seen))


def well(post: Post) -> Post:
    """An incident of ours stands there: nothing is in the way of the next write; what was paid for it is its own."""
    paid = post.intent if post.intent is not None and post.intent.opens else post
    return replace(
        post,
        intent=None,
        retry=Retry(),
        closed_at=None,
        theirs_at=None,
        stale_at=None,
        second_writer="",
        withheld=None,
        end_token=paid.end_token,
        is_end_unpaid=paid.is_end_unpaid,
        is_untold=paid.is_untold,
        paid_at=0,
    )


def sent(post: Post, answer: Sent, at: Context) -> Post:
    """The page has answered the write."""
    update_id, public_at = (answer.update.id, answer.update.public_at) if answer.update else ("", 0)
    changed_at = at.now if answer.is_change else post.changed_at
    after = written(post, answer.remote_id, update_id, public_at or at.now)
    return replace(
        after,
        changed_at=changed_at,
        service_ids=answer.service_ids or post.service_ids,
        publication=published(post, at.now - at.ahead_ms),
    )


def written(post: Post, remote_id: str, update_id: str, public_at: int) -> Post:
    """The intended write stands on the page. ``public_at`` is how the page dates what went without a date."""
    intent = intended(post)
    after = replace(
        well(post),
        remote_id=remote_id,
        name=intent.name,
        severity=intent.severity,
        services=intent.services,
        labels=intent.labels,
        displays=post.displays | intent.displays,
        impacts=_impacts(post, intent),
        public_at=intent.public_at if intent.is_dated else max(public_at, post.public_at),
        undated=_undated(post, intent),
        published_notes=(*post.published_notes, intent.public_note) if intent.public_note else post.published_notes,
        check_duplicates_at=check_at_the_end(post) if intent.status is Phase.RESOLVED else post.check_duplicates_at,
    )
    if intent.write is Write.CHANGE:
        return after
    is_over = intent.status is Phase.RESOLVED
    return replace(
        after,
        status=intent.status,
        updates=post.updates + 1,
        update_id=update_id,
        announced_severity=intent.severity,
        announced_services=intent.services,
        end_token="" if is_over else after.end_token,
        is_end_unpaid=after.is_end_unpaid and not is_over,
        is_untold=after.is_untold and not is_over and not intent.notify,
        edits=at_the_end(post.edits) if is_over else _moved_on(post.edits, post, intent),
    )


def _moved_on(edits: Edits, before: Post, intent: Intent) -> Edits:
    """A status that somebody set counts until ours moves on."""
    return edits if intent.status is before.status else replace(edits, status=None)


def _impacts(post: Post, intent: Intent) -> dict[str, Impact]:
    """An update leaves the components as they are; the last one ends whatever was wrong with them."""
    if intent.write is not Write.UPDATE:
        return intent.impacts
    return dict.fromkeys(post.impacts, Impact.OPERATIONAL) if intent.status is Phase.RESOLVED else post.impacts


def _undated(post: Post, intent: Intent) -> tuple[str, ...]:
    """What the page dates itself, with this write on it."""
    if intent.is_dated:
        return post.undated
    is_end = intent.status in {Phase.MONITORING, Phase.RESOLVED}
    parts = ["start"] * (intent.kind is UpdateKind.OPEN) + ["end"] * is_end
    return tuple(dict.fromkeys((*post.undated, *parts)))


def adopted(
    post: Post, remote: RemoteIncident, services: tuple[str, ...], severity: Severity | None, at: Context
) -> Post:
    """Take over an incident of ours as it stands on the page: what it concerns is its services."""
    newest = max((update.public_at for update in remote.updates), default=post.public_at)
    ours = (update.id for update in remote.updates if at.incident_id in references_in(update.text))
    return replace(
        well(post),
        remote_id=remote.id,
        status=remote.status,
        name=remote.name,
        severity=remote.severity or severity,
        services=tuple(sorted(remote.concerns)),
        impacts=remote.impacts,
        announced_severity=remote.severity or severity,
        announced_services=tuple(sorted({*remote.concerns, *services})),
        public_at=max(post.public_at, newest),
        update_id=next(ours, ""),
        find_existing_at=None,
        changed_at=0,
        service_ids=_service_ids(remote),
        edits=post.edits if remote.id == post.remote_id else Edits(),
    )


def taken_over(post: Post, existing: Adopted, at: Context) -> Post:
    """Take over an incident that nothing is recorded of; which words it tells is read off its updates."""
    post = adopted(post, existing.remote, existing.services, existing.severity, at)
    texts = [update.text for update in existing.remote.updates]
    told = tuple(each.event_id for each in at.public_notes if any(each.text in text for text in texts))
    post = replace(post, published_notes=told)
    return post if existing.is_alone else replace(post, check_duplicates_at=at.asked_at, duplicate_checks=0)


def _service_ids(remote: RemoteIncident) -> tuple[str, ...]:
    """Its services as a v1 page calls them; on a v3 page, the impacts tell."""
    return () if remote.impacts else remote.services


def over(post: Post, update_id: str) -> Post:
    """The page shows our end."""
    impacts = dict.fromkeys(post.impacts, Impact.OPERATIONAL)
    post = replace(post, status=Phase.RESOLVED, impacts=impacts, update_id=update_id, edits=at_the_end(post.edits))
    return rested(replace(post, stale_at=None))


def found(post: Post, remote: RemoteIncident, at: Context) -> Post:
    """A lost creation is taken as the page shows it, if more than this one try may be in it."""
    intent, update = intended(post), find_update(remote, intended(post))
    update_id, public_at = (update.id, update.public_at) if update else ("", 0)
    publication = published(post, found_at(intent, at))
    if intent.write is Write.UPDATE:
        return replace(written(post, remote.id, update_id, public_at), publication=publication)
    if post.check_duplicates_at is not None or update is None or len(remote.updates) > 1:
        undated = _undated(post, intent)
        post = replace(adopted(post, remote, intent.services, intent.severity, at), undated=undated)
    else:
        post = replace(written(post, remote.id, update_id, public_at), service_ids=_service_ids(remote))
    post = replace(post, publication=publication)
    if post.check_duplicates_at is None:
        return post
    return replace(
        post, check_duplicates_at=at.asked_at + at.settle_ms, duplicate_checks=0
    )  # an earlier try may come true yet


def check_at_the_end(post: Post) -> int | None:
    """A create that was repeated may have come true after the last check: check once more when it is over."""
    return 0 if post.check_duplicates_at is None and post.duplicate_checks else post.check_duplicates_at
