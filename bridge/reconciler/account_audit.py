"""Watching whether the configured services still lead to readers: at the start, after each change, and daily.

Pages are migrated, services renamed and components hidden while nothing is wrong with the configuration itself. An
outage is a bad time to find that out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.checkly.audit import Audit, FindingKind, audit
from bridge.checkly.errors import ChecklyError, Unauthorized
from bridge.checkly.inventory import read_inventory
from bridge.core.backoff import backoff_ms
from bridge.telemetry import AUDIT_FINDINGS, Event, log

if TYPE_CHECKING:
    from bridge.checkly.client import Client
    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config, Service

AGAIN_S = 24 * 3600.0
FIRST_RETRY_MS = 5_000
LONGEST_RETRY_MS = 900_000


class AccountAudit:
    """Audits the account and reports its findings; it never stops anything. ``jitter`` is in [0, 1)."""

    def __init__(self, client: Client, config: LiveConfig, *, jitter: Callable[[], float]) -> None:
        self._client = client
        self._config = config
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._is_refused = False

    def audit_again(self, _config: Config) -> None:
        """The configuration has changed."""
        self._changed.set()

    async def watch(self) -> None:
        """Audit until canceled."""
        failures = 0
        while True:
            self._changed.clear()
            failures = 0 if await self.audit_once() else failures + 1
            wait_s = self._retry_s(failures) if failures else AGAIN_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)

    async def audit_once(self) -> bool:
        """Audit once and report; False if the account could not be read."""
        services = self._config.current.services
        try:
            found = await self._audit(services)
        except ChecklyError as error:
            if isinstance(error, Unauthorized) and not self._is_refused:
                log(Event.CHECKLY_UNAUTHORIZED, reason=error.detail)
            self._is_refused = isinstance(error, Unauthorized)
            log(Event.AUDIT_FAILED, reason=error.detail)
            return False
        except Exception as error:  # noqa: BLE001 - what only advises must not stop what works
            log(Event.AUDIT_FAILED, reason=f"{type(error).__name__}: {error}", exc_info=True)
            return False
        self._is_refused = False
        _report(found)
        return True

    def _retry_s(self, failures: int) -> float:
        return backoff_ms(failures - 1, self._jitter(), first_ms=FIRST_RETRY_MS, longest_ms=LONGEST_RETRY_MS) / 1000

    async def _audit(self, services: Mapping[str, Service]) -> Audit:
        """Reads the pages that are configured; what other pages have is of use only to say what a problem may mean."""
        with_v1 = any(each.in_v1 for each in services.values())
        named = {component.page for each in services.values() for component in each.components}
        found = audit(services, await read_inventory(self._client, with_v1=with_v1, named=named))
        if not found.findings:
            return found
        return audit(services, await read_inventory(self._client, with_v1=with_v1))


def _report(found: Audit) -> None:
    counts = Counter(finding.kind for finding in found.findings)
    for kind in FindingKind:
        AUDIT_FINDINGS.labels(kind.value).set(counts[kind])
    for finding in found.findings:
        log(Event.AUDIT_FINDING, kind=finding.kind.value, reason=finding.message)
