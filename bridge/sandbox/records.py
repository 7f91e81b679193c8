"""What a simulator remembers and how it is set: its settings, the calls it got, the mails that would have gone out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bridge.sandbox.faults import Milliseconds


class Settings(Struct, kw_only=True, forbid_unknown_fields=True):
    """How the account behaves at all times, unlike a fault, which strikes single calls.

    ``rate_limit`` is the number of calls per 60 s (None: no limit), ``retry_after`` the seconds that a 429 names
    (None: no such header, as documented). Lists of incidents and of updates show them as they were ``list_lag_ms``
    ago, reads by id as they were ``read_lag_ms`` ago. ``early_date`` is what a public date earlier than the incident's
    creation is answered with (None: it is taken). ``whole_seconds`` cuts the milliseconds off public dates.
    ``v1_gone`` is what every route of v1's status pages answers once Checkly has removed them (None: they are still
    there).
    """

    rate_limit: Annotated[int, Meta(ge=0)] | None = None
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    list_lag_ms: Milliseconds = 0
    read_lag_ms: Milliseconds = 0
    early_date: Literal[400, 422] | None = None
    whole_seconds: bool = False
    v1_gone: Literal[404, 410] | None = None


class Call(Struct, kw_only=True):
    """One API call. ``status`` and ``response`` are what was answered, None if nothing was; ``ended`` when it is over.

    ``committed`` says that the call changed the account, whatever the client was told.
    """

    number: int
    at: int
    method: str
    path: str
    query: str
    request: Any
    fault: str | None = None
    committed: bool = False
    ended: bool = False
    status: int | None = None
    response: Any = None


class Mail(Struct, kw_only=True):
    """A mail to one subscriber of one page, as it would have gone out."""

    at: int
    page: str
    to: str
    incident: str
    update: str
    subject: str
    text: str
