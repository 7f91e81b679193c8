"""The configuration in force, compiled: every default applied, every reference checked, nothing left to go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.model import Policy, Severity, UpdateKind

if TYPE_CHECKING:
    from bridge.config.matchers import Matcher
    from bridge.config.texts import Texts


class Service(Struct, frozen=True, kw_only=True):
    """A service as routes name it, and how to find it on Checkly: by ``id`` or by exact name (``remote_name``)."""

    name: str
    id: str | None = None
    remote_name: str | None = None

    @property
    def display(self) -> str:
        """The name that public texts use."""
        return self.remote_name or self.name


class SeverityRule(Struct, frozen=True, kw_only=True):
    """Alerts that meet all ``matchers`` have this severity; ``line`` is where the rule stands in the file."""

    matchers: tuple[Matcher, ...] = ()
    severity: Severity
    line: int


class ServiceLabel(Struct, frozen=True):
    """The service is the one that the value of this label names."""

    label: str


class Route(Struct, frozen=True, kw_only=True):
    """Which alerts belong together, and what becomes of them; a route that ignores has no services."""

    name: str
    line: int
    matchers: tuple[Matcher, ...] = ()
    ignore: bool = False
    services: tuple[str, ...] | ServiceLabel = ()
    severity: tuple[SeverityRule, ...] = ()
    group_by: tuple[str, ...] = ()
    policy: Policy = Policy()
    texts: Texts


class Checkly(Struct, frozen=True, kw_only=True):
    """How the bridge talks to Checkly. ``instance`` tells installations apart that share an account."""

    api: str = "v1"
    instance: str = ""
    reference: bool = True
    notify: frozenset[UpdateKind] = frozenset()
    requests_per_minute: int = 240
    timeout_ms: int = 10_000
    settle_ms: int = 10_000


class PagerDuty(Struct, frozen=True, kw_only=True):
    """What PagerDuty's events mean.

    ``open_on`` is ``triggered`` or ``acknowledged``; ``acknowledged``: ``ignore`` or ``identified``; ``resolve_by``:
    ``anyone`` or ``person``; ``merge_unknown_target``: ``keep_open`` or ``resolve``. A note is published if it starts
    with ``note_marker`` (None: none is), a status update if ``status_updates``.
    """

    open_on: str = "triggered"
    acknowledged: str = "ignore"
    resolve_by: str = "anyone"
    merge_unknown_target: str = "keep_open"
    note_marker: str | None = None
    status_updates: bool = False


class Config(Struct, frozen=True, kw_only=True):
    """A whole configuration. ``digest`` is the SHA-256 of its file, in hexadecimal."""

    path: str
    digest: str
    checkly: Checkly = Checkly()
    pagerduty: PagerDuty = PagerDuty()
    services: dict[str, Service]
    severity: tuple[SeverityRule, ...]
    public_labels: frozenset[str] = frozenset()
    defaults: Policy = Policy()
    routes: tuple[Route, ...]
    texts: Texts
    max_body_bytes: int = 16 << 20
    retention_ms: int = 604_800_000

    def route(self, name: str) -> Route | None:
        """The route of that name; None when there is none (any more)."""
        return next((route for route in self.routes if route.name == name), None)
