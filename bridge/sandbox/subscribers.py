"""Who gets a page's mails, whichever generation the page is of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Subscriber:
    """Someone who gets a page's mails once the address is verified."""

    id: str
    address: str
    verified: bool
    created_at: int
