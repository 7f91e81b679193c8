"""What several commands start from: the configuration, the environment, and access to Checkly."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.checkly.client import Client
from bridge.checkly.errors import PageError, Unauthorized
from bridge.cli.errors import USAGE, CommandError
from bridge.config.environment import Settings, SettingsError
from bridge.config.loader import load
from bridge.config.network import NetworkError
from bridge.config.problems import ConfigError
from bridge.config.redis_url import RedisURL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bridge.config.schema import Config

_TIMEOUT_MS = 10_000


def read_config(path: Path) -> Config:
    """The configuration; a CommandError that lists all its problems when it has any."""
    try:
        return load(path)
    except ConfigError as error:
        raise CommandError(str(error)) from error


def read_settings() -> Settings:
    """The environment; a CommandError that lists every variable that is wrong."""
    try:
        return Settings.from_environment(os.environ)
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from error


def redis_url(settings: Settings) -> str | None:
    """The address of Redis, None if unset; a CommandError if its TLS files are wrong."""
    if settings.redis_url is None:
        return None
    url = settings.redis_url.reveal()
    files = RedisURL.parse(url).tls_files
    if files is not None:
        try:
            if "ssl_ca_certs" in files:
                settings.network.check_key_log()
            else:
                settings.network.trust()
        except NetworkError as error:
            raise CommandError(str(error), USAGE) from error
        for name, file in files.items():
            try:
                Path(file).read_bytes()
            except OSError as error:
                raise CommandError(f"REDIS_URL: cannot read {file} ({name}): {error.strerror}.", USAGE) from error
    return url


def checkly_client(
    settings: Settings,
    *,
    timeout_ms: int = _TIMEOUT_MS,
    budget: Callable[[], Awaitable[None]] | None = None,
    observe: Callable[[int], None] = lambda _: None,
) -> Client:
    """A client for the account of the environment; a CommandError when it names none, or no way leads there."""
    if settings.checkly_api_key is None or settings.checkly_account_id is None:
        raise CommandError("Set CHECKLY_API_KEY and CHECKLY_ACCOUNT_ID (or CHECKLY_API_KEY_FILE, …).", USAGE)
    try:
        return Client(
            settings.checkly_api_url,
            settings.checkly_api_key.reveal(),
            settings.checkly_account_id,
            timeout_ms=timeout_ms,
            budget=budget,
            observe=observe,
            network=settings.network,
        )
    except NetworkError as error:
        raise CommandError(str(error), USAGE) from error


def refused_key(settings: Settings, error: Unauthorized) -> CommandError:
    """What a rejection by Checkly means, with the remedy."""
    return CommandError(
        f"Checkly at {settings.checkly_api_url} refuses the key: {error.detail}\n"
        "Check CHECKLY_API_KEY, CHECKLY_ACCOUNT_ID, and that the key may write (Read & Write or Admin)."
    )


@asynccontextmanager
async def checkly(settings: Settings) -> AsyncIterator[Client]:
    """A client, closed at the end; a rejection by Checkly becomes a CommandError with the remedy."""
    client = checkly_client(settings)
    try:
        yield client
    except Unauthorized as error:
        raise refused_key(settings, error) from error
    except PageError as error:
        proxy = settings.network.proxy_name(settings.checkly_api_url)
        way = f" through the proxy of {proxy}" if proxy else ""
        raise CommandError(f"Checkly at {settings.checkly_api_url} cannot be read{way}: {error.detail}") from error
    finally:
        await client.close()
