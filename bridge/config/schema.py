"""The configuration in force, compiled: every default applied, every reference checked, nothing left to go wrong."""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from math import floor

from msgspec import Struct, field

from bridge.config.matchers import Matcher
from bridge.config.problems import Problem
from bridge.model import V1_PAGE, Policy, Severity, UpdateKind, shows_impacts, v3_page, v3_reference
from bridge.texts.render import Texts

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Component(Struct, frozen=True, kw_only=True):
    """A component of a v3 page. ``page`` is its id, its URL's name or its name; ``component`` an id or a name."""

    page: str
    component: str

    @property
    def is_id(self) -> bool:
        """Whether ``component`` is an id."""
        return UUID.fullmatch(self.component) is not None


class Service(Struct, frozen=True, kw_only=True):
    """A service as routes name it, and how to find it on Checkly.

    In v1 it is a service of the account, by ``id`` or by exact name (``remote_name``), unless ``in_v1`` is false;
    ``shared`` says that it is meant to show on several pages. In v3 it is ``components``, each of one page.
    """

    name: str
    id: str | None = None
    remote_name: str | None = None
    in_v1: bool = True
    shared: bool = False
    components: tuple[Component, ...] = ()

    @property
    def display(self) -> str:
        """The name that public texts use."""
        return self.remote_name or next((each.component for each in self.components if not each.is_id), self.name)

    @property
    def pages(self) -> tuple[str, ...]:
        """The names of the pages that show it."""
        v3 = dict.fromkeys(v3_page(each.page) for each in self.components)
        return ((V1_PAGE,) if self.in_v1 else ()) + tuple(v3)


class SeverityRule(Struct, frozen=True, kw_only=True):
    """Alerts that meet all ``matchers`` have this severity; ``line`` is where the rule stands in the file."""

    matchers: tuple[Matcher, ...] = ()
    severity: Severity
    line: int


class ServiceLabel(Struct, frozen=True):
    """The service is the one that the value of this label names."""

    label: str


class Route(Struct, frozen=True, kw_only=True):
    """Which alerts belong together, and what becomes of them.

    A route that is to ``ignore`` its alerts, or whose alerts are a ``watchdog`` to listen for, has no services.
    """

    name: str
    line: int
    matchers: tuple[Matcher, ...] = ()
    ignore: bool = False
    watchdog: bool = False
    services: tuple[str, ...] | ServiceLabel = ()
    severity: tuple[SeverityRule, ...] = ()
    group_by: tuple[str, ...] = ()
    policy: Policy = Policy()
    texts: Texts


class Reference(Enum):
    """Which updates end with the public reference; the values are the configuration's."""

    NEVER = False
    SOMETIMES = True  # the first, one that re-opens the incident, and every 50th
    EVERY = "every"


class Checkly(Struct, frozen=True, kw_only=True):
    """How the bridge talks to Checkly. ``instance`` tells installations apart that share an account.

    ``api`` is the generation of its pages, ``v1`` or ``v3``, or ``auto`` for whichever each service names.
    ``backdate_ms`` is how long before an alert's first delivery its public start may lie.
    ``second_writer``: ``hold`` back, or ``ignore``, where someone else's incident is open for the same.
    """

    api: str = "auto"
    second_writer: str = "hold"
    instance: str = ""
    reference: Reference = Reference.SOMETIMES
    notify: frozenset[UpdateKind] = frozenset()
    requests_per_minute: int = 240
    timeout_ms: int = 10_000
    settle_ms: int = 10_000
    backdate_ms: int = 86_400_000


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


class NamedSender(Struct, frozen=True, kw_only=True):
    """A sender that the configuration lists. ``credentials``: the environment variable of its own, if it has some."""

    credentials: str | None = None


OTHER_SENDER = "other"
"""What metrics call every sender with a name that is not listed."""


class Senders(Struct, frozen=True, kw_only=True):
    """The senders whose paths have a name, by source and name; ``only_listed``: no others are accepted."""

    listed: dict[str, dict[str, NamedSender]] = {}
    only_listed: bool = False

    def of(self, source: str) -> dict[str, NamedSender]:
        """Those of one source, by name."""
        return self.listed.get(source, {})

    def series_of(self, source: str, sender: str) -> str:
        """What metrics call this sender; empty if it has no name."""
        return sender if not sender or sender in self.of(source) else OTHER_SENDER


class Store(Struct, frozen=True, kw_only=True):
    """What Redis must offer before a delivery is accepted.

    ``durability``: ``warn`` or ``require``. ``wait_replicas``: how many replicas must confirm a write, each within
    ``wait_timeout_ms``.
    """

    durability: str = "warn"
    wait_replicas: int = 0
    wait_timeout_ms: int = 1_500


class Limits(Struct, frozen=True, kw_only=True):
    """How many ``alerts`` may fire, and ``incidents`` fire or stand on a page, before new ones are refused.

    Where several routes publish, none has more than half: the limits are ``shared``.
    """

    alerts: int = 200_000
    incidents: int = 50_000
    shared: bool = False

    @property
    def alerts_of_a_route(self) -> int:
        """How many alerts of one route may fire."""
        return max(1, self.alerts // 2) if self.shared else self.alerts

    @property
    def incidents_of_a_route(self) -> int:
        """How many incidents of one route may fire or stand on a page."""
        return max(1, self.incidents // 2) if self.shared else self.incidents


class Budget(Struct, frozen=True, kw_only=True):
    """What may become public on one page.

    ``open``: of our incidents at a time. ``opens_per_hour``: openings and re-openings, ``mails_per_hour``: mail tokens,
    in any 60 minutes. ``share`` is the part of each that one route may have; the part in ``reserve`` is for that
    severity, and higher ones, alone. ``observes``: it decides and counts, and keeps nothing back.
    """

    open: int = 30
    opens_per_hour: int = 60
    mails_per_hour: int = 20
    share: Fraction = Fraction(1, 2)
    reserve: dict[Severity, Fraction] = field(default_factory=lambda: {Severity.CRITICAL: Fraction(1, 5)})
    observes: bool = False

    def of_all(self, whole: int, severity: Severity) -> int:
        """How much of a ``whole`` incidents of a severity may have: nothing of what is reserved for higher ones."""
        return whole - sum(floor(whole * part) for level, part in self.reserve.items() if level > severity)

    def of_route(self, whole: int, severity: Severity, *, is_shared: bool) -> int:
        """How much one route may have of that; all of it, unless it ``is_shared`` with others."""
        of_all = self.of_all(whole, severity)
        return floor(of_all * self.share) if is_shared else of_all


class Budgets(Struct, frozen=True, kw_only=True):
    """The budget of every page, and of those that have one of their own, by the page's name."""

    every: Budget = Budget()
    pages: dict[str, Budget] = {}

    def of(self, page: str) -> Budget:
        """The budget of a page."""
        return self.pages.get(page, self.every)


def public_page(page: str) -> str:
    """What people call the page of this name: ``v1``, or the v3 page as the configuration names it."""
    return v3_reference(page) if shows_impacts(page) else page


class Config(Struct, frozen=True, kw_only=True):
    """A whole configuration. ``digest`` is the SHA-256 of its file, in hexadecimal.

    ``budgets`` are None where they are off.
    ``notes`` are on what may not be meant; ``places`` are line and column of each of the services.
    """

    path: str
    digest: str
    checkly: Checkly = Checkly()
    pagerduty: PagerDuty = PagerDuty()
    senders: Senders = Senders()
    store: Store = Store()
    budgets: Budgets | None = None
    services: dict[str, Service]
    severity: tuple[SeverityRule, ...]
    public_labels: frozenset[str] = frozenset()
    defaults: Policy = Policy()
    routes: tuple[Route, ...]
    texts: Texts
    limits: Limits = Limits()
    max_body_bytes: int = 16 << 20
    retention_ms: int = 604_800_000
    notes: tuple[Problem, ...] = ()
    places: dict[str, tuple[int, int]] = {}

    @property
    def publishing(self) -> tuple[str, ...]:
        """The names of the routes that publish."""
        return tuple(route.name for route in self.routes if not (route.ignore or route.watchdog))

    @property
    def pages(self) -> tuple[str, ...]:
        """The names of all pages that show one of the services."""
        return tuple(dict.fromkeys(page for service in self.services.values() for page in service.pages))

    def route(self, name: str) -> Route | None:
        """The route of that name; None when there is none (any more)."""
        return next((route for route in self.routes if route.name == name), None)

    def policy_of(self, route: str) -> Policy:
        """The timing of the route of that name; the defaults when there is none (any more)."""
        found = self.route(route)
        return self.defaults if found is None else found.policy
