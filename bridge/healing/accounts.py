"""The PagerDuty accounts that the configuration names, each asked by a task of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bridge.config.environment import SettingsError, secrets_of
from bridge.config.network import NetworkError
from bridge.healing.paged_ends import cluster_of
from bridge.healing.paged_round import OK
from bridge.healing.pagerduty import Account
from bridge.pagerduty_api.client import HOSTS, Client
from bridge.senders.pagerduty.parser import SOURCE
from bridge.store import StoreUnavailable
from bridge.telemetry import HEALED, HEALING_AGE, HEALING_ROUNDS, SENDER_DISABLED, Event, log_throttled

if TYPE_CHECKING:
    from bridge.config.healing import PagerDutyHealing
    from bridge.config.live import LiveConfig
    from bridge.config.network import Network
    from bridge.config.schema import Config
    from bridge.healing.paged_ends import PagedEnds
    from bridge.store import Store

REST_MS: Final = 2_000  # whether it is another replica's turn, or ours again


class KeyProblem(Exception):
    """There is no key that can be used; the message says what to do, without a secret."""


class Key:
    """The client of one account, anew whenever its key is another. ``api_url`` replaces the host of the region."""

    def __init__(self, entry: PagerDutyHealing, environment: Mapping[str, str], network: Network, api_url: str) -> None:
        self._variable = entry.credentials
        self._environment = environment
        self._network = network
        self.address = api_url or HOSTS[entry.region]
        self._client: tuple[Client, str] | None = None
        self._outdated: list[Client] = []

    def connect(self) -> tuple[Client, str]:
        """The client, and a digest of its key. Raises KeyProblem."""
        try:
            keys = [secret.reveal() for secret in secrets_of(self._environment, self._variable)]
            if keys:
                return self._with(keys[0])
        except (SettingsError, NetworkError) as error:
            raise KeyProblem(str(error)) from None
        except ValueError as error:
            raise KeyProblem(f"{self._variable}: {error}") from None
        raise KeyProblem(f"set {self._variable} (or {self._variable}_FILE): it is unset or empty")

    def _with(self, key: str) -> tuple[Client, str]:
        digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        if self._client is None or self._client[1] != digest:
            client = Client(self.address, key, network=self._network)
            self._outdated += [self._client[0]] if self._client else []
            self._client = client, digest
        return self._client

    async def close(self) -> None:
        """Close all connections."""
        for client in (*self._outdated, *([self._client[0]] if self._client else ())):
            await client.close()


class Accounts:
    """Follows the configuration. ``environment`` has the keys, ``api_url`` replaces the host of every region."""

    def __init__(
        self,
        *,
        store: Store,
        config: LiveConfig,
        ends: PagedEnds,
        environment: Mapping[str, str],
        network: Network,
        api_url: str,
        monotonic: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        self._store = store
        self._config = config
        self._ends = ends
        self._environment = environment
        self._network = network
        self._api_url = api_url
        self._monotonic = monotonic
        self._token = token
        self._changed = asyncio.Event()

    def follow(self, _config: Config) -> None:
        """The configuration has changed."""
        self._changed.set()

    async def watch(self) -> None:
        """Ask until canceled."""
        running: dict[PagerDutyHealing, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                healing = self._config.current.healing
                wanted = () if healing is None else healing.pagerduty
                for entry in running.keys() - set(wanted):
                    await _stop(running.pop(entry))
                    _forget(entry)
                for entry in wanted:
                    if entry not in running:
                        running[entry] = asyncio.create_task(self._watch(entry))
                await self._changed.wait()
        finally:
            for task in running.values():
                await _stop(task)

    async def _watch(self, entry: PagerDutyHealing) -> None:
        key = Key(entry, self._environment, self._network, self._api_url)
        account = Account(
            entry,
            alerts=self._store.paged(entry.sender),
            ends=self._ends,
            connect=lambda: _connected(entry, key),
            monotonic=self._monotonic,
            token=self._token,
        )
        HEALED.labels(SOURCE)  # a series that begins with its first event has no increase to see
        HEALING_ROUNDS.labels(cluster_of(entry.sender), OK)
        try:
            while True:
                rest_ms = await _ask(account)
                await asyncio.sleep(max(1, min(rest_ms, REST_MS)) / 1000)
        finally:
            await key.close()


def _connected(entry: PagerDutyHealing, key: Key) -> tuple[Client, str] | None:
    try:
        return key.connect()
    except KeyProblem as error:
        fields: dict[str, Any] = {"sender": entry.sender} if entry.sender else {}
        log_throttled(Event.HEALING_KEY_MISSING, source=SOURCE, **fields, message=str(error))
        return None


async def _ask(account: Account) -> int:
    """In how many milliseconds to come again. What only heals must not stop what works."""
    try:
        return await account.ask_if_due()
    except StoreUnavailable as error:
        log_throttled(Event.STORE_UNAVAILABLE, reason=str(error))
    except Exception as error:  # noqa: BLE001 - as the docstring says
        log_throttled(Event.HEALING_FAILED, reason=f"{type(error).__name__}: {error}", exc_info=True)
    return REST_MS


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _forget(entry: PagerDutyHealing) -> None:
    """An account that is not asked any more has no series any more."""
    HEALING_AGE.remove(cluster_of(entry.sender))
    SENDER_DISABLED.remove(SOURCE, entry.sender)
