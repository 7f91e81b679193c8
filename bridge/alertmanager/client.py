"""One peer of a cluster of Alertmanagers: what it lists, and since when the process that lists it runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bridge.alertmanager import answers
from bridge.alertmanager.http import Access, Http
from bridge.core.healing.seen import PeerError, Poll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.core.healing.missed import InGroup

_STATUS, _ALERTS, _GROUPS = "/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups"
_GRAFANA = re.compile(r"/api/alertmanager/grafana/?$")
_TENANT = "x-scope-orgid"


class Client:
    """Asks one peer; ``options`` are those of ``Http``. A failure is a PeerError that tells nothing of the answer."""

    def __init__(self, access: Access, **options: Any) -> None:
        self._http = Http(access, **options)
        self._tells_its_start = _tells_its_start(access)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def poll(self) -> Poll:
        """What the peer lists, in every state and for every receiver.

        Its status is asked before and after the list, for a restart between two requests would give the new process
        the list of the old one, or the old one the new one's empty list.

        Raises:
            PeerError: There was no whole answer, something in it was not understood, or the peer restarted meanwhile.
        """
        if not self._tells_its_start:
            listed = await answers.alerts((await self._http.get(_ALERTS)).body)
            return Poll(process="", age_ms=None, is_settled=True, alerts=listed)
        before = answers.process((await self._http.get(_STATUS)).body)
        listed = await answers.alerts((await self._http.get(_ALERTS)).body)
        status = await self._http.get(_STATUS)
        after = answers.process(status.body)
        if before.started != after.started:
            raise PeerError("not_understood", "it restarted while it was asked, or several answer at this address")
        age_ms = max(0, status.date_ms - after.started_ms)
        return Poll(
            process=after.started, age_ms=age_ms, is_settled=before.is_settled and after.is_settled, alerts=listed
        )

    async def groups(self, receiver: str) -> Sequence[InGroup]:
        """What the peer would deliver, or has delivered, to the receiver of this name. Raises PeerError."""
        answer = await self._http.get(_GROUPS, {"receiver": re.escape(receiver)})
        return await answers.groups(answer.body, receiver, date_ms=answer.date_ms)


def _tells_its_start(access: Access) -> bool:
    """Whether its status says since when it runs: Grafana's has no start, Mimir's is that of any of its replicas."""
    return not _GRAFANA.search(access.url) and all(name.lower() != _TENANT for name in access.headers)
