"""What a soak plays on: a bridge as in production, its Redis and Checkly.

It is set so that what is bounded by time ends within minutes, and what is bounded by number is full soon.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.chaos.checker import History, Verdict, Wanted, judge
from tests.chaos.excess import LIMITS
from tests.chaos.soak.sending import SECRET
from tests.servers import Bridge, Redis, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos.soak.traffic import Source

_PATIENCE_S = 120.0
_MANY = 100_000
_SERVICES = frozenset({"Checkout", "Payments"})
CONFIG: dict[str, Any] = {
    "version": 1,
    "checkly": {"notify": ["open", "severity", "resolved"], "settle": "1s", "requests_per_minute": _MANY},
    "budgets": {"open": 120, "opens_per_hour": _MANY, "mails_per_hour": _MANY},
    "limits": LIMITS,
    "retention": "2m",
    "services": {each: each for each in ("Checkout", "Payments")},
    "severity": [{"is": "MEDIUM"}],
    "public_labels": ["region", "title"],
    "defaults": {
        "publish_after": "1s",
        "resolve_after": "2s",
        "reopen_after": "10s",
        "flap": "off",
    },  # each end is timed
    "routes": [
        {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]},
        {"name": "injection", "match": "team = pager, service = shop", "services": ["Payments"], "group_by": ["title"]},
        {
            "name": "pager",
            "match": "team = pager",
            "services": ["Payments"],
            "group_by": ["title"],
            "texts": {"name": "Outage {{ labels.title }}"},
        },
        {"name": "careless", "match": "team = careless", "services": ["Payments"], "group_by": ["region"]},
    ],
    "texts": {"name": "Outage {{ labels.region }}"},
}
_ACCOUNT = {
    "services": ["Checkout", "Payments"],
    "pages": [
        {
            "name": "Shop",
            "url": "shop",
            "cards": [{"name": "All", "services": ["Checkout", "Payments"]}],
            "subscribers": ["reader@example.com"],
        }
    ],
}


class SoakServers:
    """The three processes."""

    def __init__(self, bridge: Bridge, redis: Redis, sandbox: Sandbox) -> None:
        self.bridge = bridge
        self.redis = redis
        self._sandbox = sandbox

    def open_incidents(self) -> list[str]:
        """The names of what is not resolved on the page."""
        found = self._seen("state")["incidents"]
        return [each["name"] for each in found if each["incidentUpdates"][0]["status"] != "RESOLVED"]

    def judge(self, sources: Sequence[Source]) -> Verdict:
        """Whether each outage had one incident, from its start to its end, and nothing was told twice."""
        history = History.of(*map(self._seen, ("state", "mails", "calls")))
        verdict = judge(history, {source.title: Wanted(ever=_SERVICES) for source in sources})
        lost, doubled = list(verdict.lost), list(verdict.doubled)
        for source in sources:
            found = len(history.titled(source.title))
            if found != source.outages:
                told = lost if found < source.outages else doubled
                told.append(f"{source.title}: {source.outages} outages, {found} incidents")
        lost += (f"{name}: is still open" for name in self.open_incidents())
        return Verdict(lost=tuple(lost), doubled=tuple(doubled), wrong=verdict.wrong)

    def _seen(self, what: str) -> Any:
        """What the simulator saw: after hours, that is much."""
        return httpx.get(f"{self._sandbox.url}/sandbox/{what}", timeout=_PATIENCE_S).raise_for_status().json()


@contextmanager
def soak_servers(folder: Path) -> Iterator[SoakServers]:
    """The three processes, for as long as the context lasts."""
    account, config = folder / "account.yaml", folder / "bridge.yaml"
    account.write_text(yaml.safe_dump(_ACCOUNT))
    config.write_text(yaml.safe_dump(CONFIG))
    with Redis(folder / "redis") as redis, Sandbox(folder / "sandbox", account=account) as sandbox:
        secrets = {"PAGERDUTY_SIGNING_SECRETS": SECRET}
        with Bridge(
            folder / "bridge", config=config, sandbox=sandbox, redis_url=redis.url, environment=secrets
        ) as bridge:
            yield SoakServers(bridge, redis, sandbox)
