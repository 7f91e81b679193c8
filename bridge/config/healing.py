"""What the configuration says of healing: which clusters are asked about alerts, and what their answers are worth."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from bridge.config.matchers import Matcher
from bridge.model import SENDER_LABEL

LONGEST_INTERVAL_MS: Final = 120_000  # a sign of life is one of the last five minutes
LEAST_ROUNDS: Final = 3
SHORT_ABSENCE_MS: Final = 300_000
"""A shorter `absent_for` is allowed, and warned of: the lists of peers lag behind each other by minutes."""
REGIONS: Final = ("us", "eu")


class Alive(Struct, frozen=True, kw_only=True):
    """An alert that always fires proves that a sender lives: it meets ``matchers``, and has the values of ours here."""

    matchers: tuple[Matcher, ...]
    same: tuple[str, ...] = ()


class Cluster(Struct, frozen=True, kw_only=True):
    """One Alertmanager with all of its peers, by their ``urls``: the truth for those of our alerts that it fits.

    ``credentials`` names the environment variable that holds them; ``ca``, ``cert`` and ``key`` are files.
    """

    name: str
    urls: tuple[str, ...]
    matchers: tuple[Matcher, ...] = ()
    alive: Alive
    receiver: str = ""
    credentials: str | None = None
    headers: dict[str, str] = {}
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def names_sender(self) -> bool:
        """Whether ``match`` says whose alerts these are: by a condition that an alert without a sender fails."""
        return any(_is_positive(each) for each in self.matchers)

    def takes_sender(self, sender: str) -> bool:
        """Whether it may be the truth for alerts of this sender, as far as ``match`` names it."""
        return all(each.matches({SENDER_LABEL: sender}) for each in self.matchers if each.name == SENDER_LABEL)


def _is_positive(matcher: Matcher) -> bool:
    return matcher.name == SENDER_LABEL and matcher.op in {"=", "=~"} and not matcher.matches({})


class PagerDutyHealing(Struct, frozen=True, kw_only=True):
    """A PagerDuty account that is asked about its incidents. ``sender`` is empty for the path without a name."""

    sender: str = ""
    credentials: str
    region: str = "us"  # or eu
    interval_ms: int = 300_000
    subscription: str = ""


class Healing(Struct, frozen=True, kw_only=True):
    """The section ``healing``; ``section`` is a hash of all that it says."""

    section: str = ""
    alertmanagers: tuple[Cluster, ...] = ()
    pagerduty: tuple[PagerDutyHealing, ...] = ()
    interval_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_INTERVAL_MS,
            description="How often each Alertmanager is asked, at most 2m.",
            extra_json_schema={
                "pattern": "^(2m|([01]m)?(([1-5]?[0-9]|60)s)?([0-9]{1,5}ms)?|(6[1-9]|[7-9][0-9]|1[01][0-9]|120)s)$"
            },
        ),
    ] = 60_000
    absent_for_ms: Annotated[
        int,
        Meta(
            ge=1,
            description="How long no peer may list an alert before it counts as over; at least three times interval.",
        ),
    ] = 600_000
    min_uptime_ms: Annotated[
        int,
        Meta(
            ge=1,
            description="How long each peer must have been up before what it does not list says anything.",
        ),
    ] = 900_000
    silenced: Annotated[
        Literal["firing", "clear"],
        Meta(description="Whether an alert that is silenced at its Alertmanager goes on, or is over after absent_for."),
    ] = "firing"
    inhibited: Annotated[
        Literal["firing", "clear"], Meta(description="The same of one that another alert inhibits.")
    ] = "firing"
    missed: Annotated[
        Literal["report", "take"],
        Meta(description="What becomes of alerts that fire there, and that nobody delivered: told, or taken in."),
    ] = "report"
    mode: Annotated[Literal["close", "observe"], Meta(description="observe decides and tells, and closes nothing.")] = (
        "close"
    )

    @property
    def observes(self) -> bool:
        """Whether it only tells what it would close."""
        return self.mode == "observe"

    def cluster(self, name: str) -> Cluster | None:
        """The cluster of that name; None if there is none (any more)."""
        return next((each for each in self.alertmanagers if each.name == name), None)
