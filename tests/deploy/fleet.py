"""Several bridges, run as users run them, on the campaigns' servers, and judged by their checker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tests.chaos.campaign_servers import CampaignServers
from tests.chaos.checker import judge
from tests.scenarios import pager
from tests.servers import Bridge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from tests.chaos.checker import Verdict, Wanted

_SETTLE_MS = 5_000  # a slow machine shall not make a late duplicate of a slow write
_PATIENCE_S = 60.0  # with the simulator's history, which grows long
_ROUTES = [
    {
        "name": "pagerduty",
        "match": "__source__ = pagerduty",
        "services": ["Checkout"],
        "group_by": ["title"],
        "texts": {"name": "Paged {{ labels.title }}"},
    },
    {"name": "shop", "match": "team = shop", "services": {"label": "service"}, "group_by": ["region"]},
]


class Fleet(CampaignServers):
    """Fresh servers for bridges that are started one by one: none has a boundary to die at.

    Alertmanager's alerts are one incident per region, PagerDuty's one per title.
    """

    def __init__(self, folder: Path, running: ExitStack) -> None:
        super().__init__(folder, running)
        self.http.timeout = _PATIENCE_S
        self.open(bridges=0, settle_ms=_SETTLE_MS)
        config = yaml.safe_load(self._config.read_text())
        changes = {"routes": _ROUTES, "public_labels": ["region", "title"]}
        del config["defaults"]["flap"]  # the previous release does not know it
        self._config.write_text(yaml.safe_dump({**config, **changes}))

    def bridge(self, release: type[Bridge] = Bridge) -> Bridge:
        """One more bridge, starting; it is stopped with the servers."""
        bridge = release(
            self._folder / f"bridge-{next(self._numbers)}",
            config=self._config,
            sandbox=self.sandbox,
            redis_url=self.redis.url,
            environment=pager.ENVIRONMENT,
        )
        self._running.callback(bridge.stop)
        return bridge.start(wait=False)

    def crash(self, bridge: Bridge) -> None:
        """End a bridge at once; nobody waits until its leases have run out."""
        bridge.kill()
        self._end_leases()

    def verdict(self, wanted: Mapping[str, Wanted], *, mailed: Mapping[str, Sequence[str]] | None = None) -> Verdict:
        """Once the page shows what is wanted, or after a minute: whether anything was lost or doubled.

        ``mailed`` are the statuses that subscribers must have been mailed, where that is not once at the beginning and
        once at the end.
        """
        self.converges(wanted)
        self.rests()
        usual = {name: ["INVESTIGATING"] + ["RESOLVED"] * (want.severity is None) for name, want in wanted.items()}
        return judge(self.history(), wanted, mailed={**usual, **(mailed or {})})
