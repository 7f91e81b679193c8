"""The configuration in force, compiled: every default applied, every reference checked, nothing left to go wrong."""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from math import floor
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from bridge.config.healing import Healing
from bridge.config.matchers import Matcher
from bridge.config.problems import Problem
from bridge.config.senders import PagerDuty, Senders
from bridge.model import V1_PAGE, Policy, Severity, UpdateKind, shows_impacts, v3_page, v3_reference
from bridge.texts.render import Texts

INSTANCE: Final = "[!-~]{1,64}"
MAX_BODY_BYTES: Final = 16 << 20
RETENTION_MS: Final = 604_800_000
LONGEST_WAIT_MS: Final = 1_800  # a connection that is silent for longer counts as broken
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


_RESERVE: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": f"The part that is for {name} alone, or for what is worse.",
        }
        for name in reversed(Severity.__members__)
    },
}


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

    api: Annotated[
        Literal["v1", "v3", "auto"],
        Meta(
            description="The generation of status pages that services may name: v1 pages have services of the account "
            "and an incident-wide severity, v3 pages have components of their own and an impact for each. auto: both."
        ),
    ] = "auto"
    instance: Annotated[
        str,
        Meta(
            description="A name for this installation. It is part of every incident's id and public reference: bridges "
            "that share an account never take each other's posts for their own, and references reveal no labels. "
            "Changing it is like renaming every route.",
            extra_json_schema={"type": "string", "pattern": f"^{INSTANCE}$"},
        ),
    ] = ""
    reference: Annotated[
        Reference,
        Meta(
            description="End the first update of an incident, one that re-opens it, and every 50th with a short public "
            "reference, by which the bridge finds its post again after an answer or all of Redis was lost; `every`: "
            "each update.",
            extra_json_schema={"enum": [True, "every", False]},
        ),
    ] = Reference.SOMETIMES
    second_writer: Annotated[
        Literal["hold", "ignore"],
        Meta(
            description="What to do while an incident that the bridge did not open is open for the same service: hold "
            "back, or ignore it and post beside it."
        ),
    ] = "hold"
    notify: Annotated[
        frozenset[UpdateKind],
        Meta(
            description="Which updates mail the page's subscribers. Default: none.",
            extra_json_schema={
                "type": "array",
                "uniqueItems": True,
                "items": {"enum": [each.value for each in UpdateKind]},
            },
        ),
    ] = frozenset()
    requests_per_minute: Annotated[
        int, Meta(ge=1, description="The outbound budget that all replicas share. Checkly allows a whole account 600.")
    ] = 240
    timeout_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=60_000,
            description="The time limit of one call, at most 60s.",
            extra_json_schema={"pattern": "^([01]m)?(([1-5]?[0-9]|60)s)?([0-9]{1,5}ms)?$"},
        ),
    ] = 10_000
    settle_ms: Annotated[
        int,
        Meta(
            le=600_000,
            description="How long a write of unknown outcome may still turn up before it counts as absent, "
            "at most 10m.",
            extra_json_schema={"pattern": "^(0|(([0-9]|10)m)?(([1-5]?[0-9]{1,2}|600)s)?([0-9]{1,6}ms)?)$"},
        ),
    ] = 10_000
    backdate_ms: Annotated[
        int, Meta(description="How long before its first delivery an alert may have begun, for the page.")
    ] = 86_400_000


class People(Struct, frozen=True, kw_only=True):
    """How the bridge treats what people do on the pages. ``look_every_ms`` is 0 where it does not look."""

    look_every_ms: Annotated[
        int,
        Meta(
            ge=1,
            description="How often to look at the open incidents on the pages for what people did to them, or off. "
            "Looks take a tenth of requests_per_minute at most.",
        ),
    ] = 60_000
    on_update: Annotated[
        Literal["continue", "stop"],
        Meta(description="When somebody posts an update on an incident: continue, or stop as after a take-over."),
    ] = "continue"


class Store(Struct, frozen=True, kw_only=True):
    """What Redis must offer before a delivery is accepted.

    ``durability``: ``warn`` or ``require``. ``wait_replicas``: how many replicas must confirm a write, each within
    ``wait_timeout_ms``.
    """

    durability: Annotated[
        Literal["warn", "require"],
        Meta(
            description="Whether a Redis whose own settings let it forget acknowledged writes is only reported, or "
            "rejected: deliveries are then answered 503."
        ),
    ] = "warn"
    wait_replicas: Annotated[
        int, Meta(ge=0, description="How many replicas must have confirmed a write before it counts.")
    ] = 0
    wait_timeout_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_WAIT_MS,
            description="How long to wait for the replicas, at most 1800ms.",
            extra_json_schema={
                "pattern": "^(1s([0-9]{1,2}ms|[1-7][0-9]{2}ms|800ms)?|([0-9]{1,3}|1[0-7][0-9]{2}|1800)ms)$"
            },
        ),
    ] = 1_500


class Limits(Struct, frozen=True, kw_only=True):
    """How many ``alerts`` may fire, and ``incidents`` fire or stand on a page, before new ones are refused.

    Where several routes publish, none has more than half: the limits are ``shared``.
    """

    alerts: Annotated[int, Meta(ge=1, description="How many alerts may fire before new ones are rejected.")] = 200_000
    incidents: Annotated[
        int, Meta(ge=1, description="How many incidents may fire or stand on a page before new ones are rejected.")
    ] = 50_000
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
    severity, and higher ones, alone.
    """

    open: Annotated[int, Meta(ge=1, description="How many of our incidents may stand open on the page.")] = 30
    opens_per_hour: Annotated[
        int, Meta(ge=1, description="How many may be opened, or opened again, in any 60 minutes.")
    ] = 60
    mails_per_hour: Annotated[
        int,
        Meta(
            ge=0,
            description="How many updates may mail subscribers in any 60 minutes. An opening that mails pays for the "
            "mail of its end, too.",
        ),
    ] = 20
    share: Annotated[
        Fraction,
        Meta(
            description="The part of each budget that one route may have, rounded down; all, where only one route "
            "publishes.",
            extra_json_schema={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        ),
    ] = Fraction(1, 2)
    reserve: Annotated[
        dict[Severity, Fraction],
        Meta(
            description="The part of each budget that is for incidents of this severity, or a higher one, alone.",
            extra_json_schema=_RESERVE,
        ),
    ] = field(default_factory=lambda: {Severity.CRITICAL: Fraction(1, 5)})
    over: Annotated[
        Literal["withhold", "quiet"],
        Meta(
            description="What becomes of an opening that `open` or `opens_per_hour` has no room for: it is withheld "
            "until there is, or goes out without a mail (quiet).",
        ),
    ] = "withhold"
    mode: Annotated[
        Literal["enforce", "observe"], Meta(description="observe decides and counts, and withholds nothing.")
    ] = "enforce"

    @property
    def observes(self) -> bool:
        """Whether it decides and counts, and keeps nothing back."""
        return self.mode == "observe"

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

    ``content_hash`` is short, and of what the file says: the same for files that differ in comments and layout alone.
    ``budgets`` are None where they are off. ``operator_labels`` are kept with alerts for operators beside those that
    the configuration reads; None: nothing is, no name and no label.
    ``notes`` are on what may not be meant; ``places`` are line and column of each of the services.
    """

    path: str
    digest: str
    content_hash: str = ""
    checkly: Checkly = Checkly()
    pagerduty: PagerDuty = PagerDuty()
    senders: Senders = Senders()
    healing: Healing | None = None
    people: People = People()
    store: Store = Store()
    budgets: Budgets | None = None
    services: dict[str, Service]
    severity: tuple[SeverityRule, ...]
    public_labels: frozenset[str] = frozenset()
    operator_labels: tuple[str, ...] | None = ()
    defaults: Policy = Policy()
    routes: tuple[Route, ...]
    texts: Texts
    limits: Limits = Limits()
    max_body_bytes: int = MAX_BODY_BYTES
    retention_ms: int = RETENTION_MS
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

    @property
    def pages_of(self) -> dict[str, tuple[str, ...]]:
        """The names of the pages that show each service."""
        return {name: service.pages for name, service in self.services.items()}

    def route(self, name: str) -> Route | None:
        """The route of that name; None when there is none (any more)."""
        return next((route for route in self.routes if route.name == name), None)

    def policy_of(self, route: str) -> Policy:
        """The timing of the route of that name; the defaults when there is none (any more)."""
        found = self.route(route)
        return self.defaults if found is None else found.policy
