"""``bridge sandbox``: the simulator of Checkly, served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import uvicorn
from cyclopts import Parameter

from bridge.cli.errors import USAGE, CommandError
from bridge.cli.listening import Host, Port, listen
from bridge.cli.output import say
from bridge.sandbox import Account, create_app


def sandbox(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8090,
    account: Annotated[Path | None, Parameter(help="A YAML or JSON file that describes the account.")] = None,
    service: Annotated[
        tuple[str, ...], Parameter(negative="", help="A service of the account; repeat it for more.")
    ] = (),
) -> None:
    """Run a simulator of Checkly with a status page to look at. It keeps everything in memory, and sends nothing."""
    if account is not None and service:
        raise CommandError("Give --account or --service, not both.", USAGE)
    simulated = _account(account, service)
    with listen(host, port) as (socket, url):
        say(f"Status pages: {url}/")
        say(f"For a bridge: CHECKLY_API_URL={url} CHECKLY_API_KEY={simulated.api_key}", end=" ")
        say(f"CHECKLY_ACCOUNT_ID={simulated.uuid}", flush=True)
        config = uvicorn.Config(
            create_app(simulated),
            log_level="warning",
            access_log=False,
            lifespan="off",
            workers=1,  # given, so that uvicorn reads neither WEB_CONCURRENCY
            proxy_headers=False,  # nor FORWARDED_ALLOW_IPS
            forwarded_allow_ips="",
            timeout_graceful_shutdown=1,  # a call that a fault holds must not hold the end
        )
        uvicorn.Server(config).run(sockets=[socket])


def _account(path: Path | None, services: tuple[str, ...]) -> Account:
    try:
        if path is not None:
            return Account.load(path)
        return Account.of(services) if services else Account.sample()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error
