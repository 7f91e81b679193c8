"""Reading a whole list of the API, page by page."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge.checkly.errors import Gone, NotSent, PageError, RateLimited, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.checkly.client import Client
    from bridge.checkly.port import Guard

PAGE_SIZE = 100
PAGES_AT_MOST = 50


async def entries(client: Client, path: str, *, guard: Guard | None = None) -> list[dict[str, Any]]:
    """Every entry of the list at ``path``, in the list's order, one per ``id``.

    Checkly's lists are cursors (``nextId``, opaque, absent or null at the end) over an order that may change
    meanwhile, so an entry can come twice. Reading stops after 5,000 entries or when a cursor repeats.

    Raises:
        Gone: The list itself is not there; the detail says what that may mean.
        UnknownOutcome: A page of the list is not one.
    """
    found: dict[str, dict[str, Any]] = {}
    cursors: set[str] = set()
    cursor = ""
    for _ in range(PAGES_AT_MOST):
        part, cursor = await entries_after(client, path, cursor, guard=guard)
        for entry in part:
            found.setdefault(entry["id"], entry)
        if not cursor or cursor in cursors:
            break
        cursors.add(cursor)
    return list(found.values())


async def entries_after(
    client: Client, path: str, cursor: str, *, guard: Guard | None = None
) -> tuple[list[dict[str, Any]], str]:
    """One part of the list at ``path``, from ``cursor`` on (empty: the first), and the next cursor; empty at the end.

    Raises as ``entries`` does.
    """
    params: dict[str, str | int] = {"limit": PAGE_SIZE, **({"nextId": cursor} if cursor else {})}
    try:
        page = await client.request("GET", path, params=params, guard=guard)
    except PageError as error:
        if error.status not in (404, 410):
            raise
        hint = f"the whole list is gone: is the account id right, or has Checkly retired {path}?"
        raise Gone(f"{error.detail}; {hint}", status=error.status) from error
    if not isinstance(page, dict) or not isinstance(page.get("entries"), list):
        raise UnknownOutcome(f"GET {path}: the answer is not a list of entries")
    found = [each for each in page["entries"] if isinstance(each, dict) and isinstance(each.get("id"), str)]
    following = page.get("nextId")
    return found, following if isinstance(following, str) else ""


@contextmanager
def only_reading() -> Iterator[None]:
    """Whatever fails while a list is read, nothing was written, nothing was rejected and no incident is gone."""
    try:
        yield
    except (NotSent, RateLimited):
        raise
    except PageError as error:
        raise NotSent(f"nothing was written: {error.detail}", status=error.status) from error
