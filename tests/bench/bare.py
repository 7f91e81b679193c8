"""The yardstick: the least a durable webhook endpoint can do. Reads the body, one XADD, answers 202."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

redis = Redis.from_url(os.environ["REDIS_URL"])


async def receive(request: Request) -> Response:
    """Store the body as it is."""
    await redis.xadd("deliveries", {"body": await request.body()})
    return Response(status_code=202)


async def ready(_: Request) -> Response:
    """Redis answers."""
    await redis.ping()
    return Response()


app = Starlette(routes=[Route("/webhooks/alertmanager", receive, methods=["POST"]), Route("/readyz", ready)])

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
