"""The HTTP application: which path leads where, and that every error is JSON."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from bridge import telemetry
from bridge.store import StoreUnavailable
from bridge.web import actions
from bridge.web.actions import ActingStore, ActionsApi
from bridge.web.admin import Admins, People
from bridge.web.admission import AdmissionLimit
from bridge.web.alerts import AlertsApi
from bridge.web.api import Api, IncidentStore
from bridge.web.exposition import Exposition
from bridge.web.healing import HealingApi, HealingStore
from bridge.web.history import EpisodeReader, HistoryApi
from bridge.web.lifting import BudgetsApi, LiftingStore
from bridge.web.receiver import AlertStore, Receiver
from bridge.web.responses import HTTPError, json_response, store_unavailable
from bridge.web.why import WhyApi, WhyStore

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from bridge.config.live import LiveConfig
    from bridge.core.routing import Router
    from bridge.web.endpoints import Sender
    from bridge.web.sender_watch import SenderWatch
    from bridge.web.unpublished import UnpublishedFold

_WEBHOOKS = "/webhooks/"
_MAX_DELIVERIES = 256
_MAX_BYTES = 64 << 20  # decoded, a body takes a few times its size


class Store(AlertStore, IncidentStore, WhyStore, ActingStore, LiftingStore, HealingStore, Protocol):
    """What the application needs of the store. Every method raises StoreUnavailable."""

    @property
    def episode_archive(self) -> EpisodeReader:
        """The outages of the last time."""
        ...


class Health(Protocol):
    """Whether the bridge can promise what a 2xx promises."""

    async def ready(self) -> tuple[bool, str]:
        """The verdict, and the reason in words that are safe to show."""
        ...


def create_app(
    *,
    store: Store,
    config: LiveConfig,
    router: Router,
    senders: Iterable[Sender[Any]],
    people: People,
    wall_ms: Callable[[], int],
    health: Health,
    sender_watch: SenderWatch,
    unpublished: UnpublishedFold,
    on_change: Callable[[], None] | None = None,
    receives: bool = True,
) -> Starlette:
    """The application; it calls ``on_change`` when a delivery made an incident due.

    Set ``app.state.stopping`` when shutting down: from then on deliveries get 503, as they always do where the
    application does not receive.
    """
    webhooks: list[Route] = []
    receivers = {}
    for sender in senders:
        telemetry.start_at_zero(sender.name)
        if not receives:
            paths = (f"{_WEBHOOKS}{sender.name}", f"{_WEBHOOKS}{sender.name}/{{sender}}")
            webhooks.extend(Route(path, _not_receiving, methods=sender.methods) for path in paths)
            continue
        receivers[sender.name] = Receiver(
            sender,
            store=store,
            config=config,
            router=router,
            # one each: no kind of sender crowds out another
            admission_limit=AdmissionLimit(deliveries=_MAX_DELIVERIES, size=_MAX_BYTES),
            wall_ms=wall_ms,
            sender_watch=sender_watch,
            unpublished=unpublished,
            on_change=on_change,
        )
    admins = Admins(people, monotonic_ms=_monotonic_ms)
    routes = [
        *webhooks,
        Route("/healthz", _healthz),
        Route("/readyz", _readyz(health)),
        Route("/metrics", _metrics(Exposition(lambda: generate_latest(telemetry.REGISTRY)))),
        *_api(store, config, admins, wall_ms, on_change),
    ]
    app = _Application(
        receivers,
        routes=routes,
        exception_handlers=dict.fromkeys((HTTPError, StoreUnavailable, HTTPException, Exception), _on_error),
    )
    app.router.redirect_slashes = False  # a redirected POST becomes a GET without body: the alert would be lost
    app.state.stopping = False
    return app


def _api(
    store: Store,
    config: LiveConfig,
    admins: Admins,
    wall_ms: Callable[[], int],
    on_change: Callable[[], None] | None,
) -> list[Route]:
    """What administrators may ask, and operators do."""
    healing = HealingApi(store, config)
    api = Api(store, config, healing, wall_ms=wall_ms)
    acting = ActionsApi(store, api.view, on_change=on_change)
    actions.start_at_zero()
    budgets = BudgetsApi(store, config, on_change=on_change)
    alerts = AlertsApi(store.unpublished, config, wall_ms=wall_ms)
    why = WhyApi(store, config, wall_ms=wall_ms)
    history = HistoryApi(store.episode_archive, wall_ms=wall_ms)
    return [
        Route("/api/incidents", admins.only(api.incidents)),
        Route("/api/incidents/{id}", admins.only(api.incident)),
        Route("/api/incidents/{id}/actions", admins.only_operators(acting.act), methods=["POST"]),
        Route("/api/budgets", admins.only(budgets.show)),
        Route("/api/budgets/lift", admins.only_operators(budgets.lift), methods=["POST"]),
        Route("/api/healing", admins.only(healing.healing)),
        Route("/api/alerts", admins.only(alerts.alerts)),
        Route("/api/history", admins.only(history.history)),
        Route("/api/why", admins.only(why.why)),
    ]


class _Application(Starlette):
    """Starlette, which deliveries reach without its middleware and routing: a receiver answers every error itself."""

    def __init__(self, receivers: Mapping[str, Receiver], **options: Any) -> None:
        super().__init__(**options)
        self._receivers = {f"{_WEBHOOKS}{name}": receiver for name, receiver in receivers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, sender = scope.get("path", ""), None
        receiver = self._receivers.get(path)
        if receiver is None and path.startswith(_WEBHOOKS):
            kind, _, sender = path.removeprefix(_WEBHOOKS).partition("/")
            receiver = self._receivers.get(_WEBHOOKS + kind) if sender else None
        if receiver is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await receiver(scope, receive, send, sender)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def _not_receiving(_: Request) -> Response:
    message = "this process only reconciles (--role reconciler): send deliveries to one that receives"
    raise HTTPError(503, "not_receiving", message)


async def _healthz(_: Request) -> Response:
    return json_response({"status": "alive"})


def _readyz(health: Health) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(request: Request) -> Response:
        ready, reason = await health.ready()
        if request.app.state.stopping:
            ready, reason = False, "the bridge is shutting down"
        if not ready:
            raise HTTPError(503, "not_ready", reason)
        return json_response({"status": "ready"})

    return readyz


def _metrics(exposition: Exposition) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(_: Request) -> Response:
        return Response(await exposition.text(), media_type=CONTENT_TYPE_LATEST)

    return metrics


async def _on_error(_: Request, error: Exception) -> Response:
    match error:
        case HTTPError():
            return error.response()
        case StoreUnavailable():
            return store_unavailable(error).response()
        case HTTPException():
            code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
            return HTTPError(error.status_code, code, error.detail, error.headers).response()
        case _:
            return HTTPError(500, "internal", "an unexpected error, logged by the bridge").response()
