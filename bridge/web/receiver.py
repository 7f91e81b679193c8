"""Taking in webhook deliveries: authenticate, read, parse, route, store durably, and only then say 2xx.

The answers follow the senders' retry rules. Both repeat a delivery after a 5xx or a network error, so whatever may
pass is 503; a 4xx means that the same bytes can never be accepted, and PagerDuty turns a subscription off after three.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bridge import telemetry
from bridge.config.sections.senders import SENDER_NAME, SENDER_NAME_WORDS
from bridge.config.senders import OTHER_SENDER
from bridge.model import Alert, AlertStatus, Ignored, PublicNote, Routed
from bridge.senders.delivery import Delivery, NotUnderstood
from bridge.senders.steps import run_in_steps
from bridge.store import REFUSED, Change, StoreUnavailable
from bridge.telemetry import Event, log, log_throttled
from bridge.web.admission import AdmissionLimit, DecodeLimit, Disconnected, Overloaded, TooLarge, TooSlow, read_body
from bridge.web.delivery_report import Decision, Origin, Outcome, outcomes, report
from bridge.web.responses import HTTPError, header, json_response, store_unavailable
from bridge.web.unauthenticated import address_of, unauthenticated_log
from bridge.web.unpublished import REASONS

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from bridge.config.live import LiveConfig
    from bridge.config.schema import Config
    from bridge.core.routing import Router
    from bridge.web.endpoints import Sender
    from bridge.web.sender_watch import SenderWatch
    from bridge.web.unpublished import UnpublishedFold

_DECODED_BYTES = 16 << 20  # at a time: decoded, a body of small alerts takes many times its size
_SMALL_BYTES = 64 << 10
_PLAIN = b"identity"
_RECURRING = (Event.STORE_UNAVAILABLE, Event.CREDENTIALS_MISSING)  # until somebody mends it, with every delivery
_UNAUTHENTICATED = frozenset({"unauthorized", "method_not_allowed", "unknown_sender"})
_UNAUTHENTICATED_YET = frozenset({"too_large", "unsupported_encoding", "too_slow", "disconnected", "overloaded"})
_OVER_LIMIT = "over_limit"
_ALERTS_AT_ONCE = 1_000  # then other requests get their turn

Item = tuple[Alert, Routed | None]


class AlertStore(Protocol):
    """What receiving needs of the store."""

    async def ingest(self, items: Sequence[Item]) -> list[Change]:
        """Fold alerts into incidents, durably; what became of each, in order. Raises StoreUnavailable."""
        ...

    async def public_note(self, public_note: PublicNote, /) -> str:
        """Keep words for the public with their alert's incident; what became of them. Raises StoreUnavailable."""
        ...

    async def heartbeat(self, watchdogs: Collection[str], /) -> None:
        """Note that the watchdogs of these routes were heard of just now. Raises StoreUnavailable."""
        ...


class Receiver:
    """The endpoint of one kind of sender. Raises nothing: every trouble is an answer, a log line and a count."""

    def __init__(
        self,
        sender: Sender[Any],
        *,
        store: AlertStore,
        config: LiveConfig,
        router: Router,
        admission_limit: AdmissionLimit,
        wall_ms: Callable[[], int],
        sender_watch: SenderWatch,
        unpublished: UnpublishedFold,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._sender = sender
        self._store = store
        self._config = config
        self._router = router
        self._admission_limit = admission_limit
        self._decode_limit = DecodeLimit(size=_DECODED_BYTES, small=_SMALL_BYTES)
        self._wall_ms = wall_ms
        self._sender_watch = sender_watch
        self._unpublished = unpublished
        self._on_change = on_change
        self._seconds = telemetry.DELIVERY_SECONDS.labels(sender.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, sender: str | None = None) -> None:
        """Answer one delivery; ``sender`` is what follows the endpoint's path, if anything does."""
        began = time.perf_counter()
        origin = self._origin(sender)
        response = await self._answer(scope, receive, origin)
        self._seconds.observe(time.perf_counter() - began)
        telemetry.DELIVERIES.labels(origin.source, origin.series, str(response.status_code)).inc()
        await response(scope, receive, send)

    def _origin(self, sender: str | None) -> Origin:
        source = self._sender.name
        if sender is None:
            return Origin(source=source)
        if not SENDER_NAME.fullmatch(sender):
            return Origin(source=source, sender="?", series=OTHER_SENDER, error=f"expected {SENDER_NAME_WORDS}")
        senders = self._config.current.senders
        is_forbidden = senders.only_listed and sender not in senders.of(source)
        error = "the configuration lists its senders, and not this one" if is_forbidden else ""
        return Origin(source=source, sender=sender, series=senders.series_of(source, sender), error=error)

    async def _answer(self, scope: Scope, receive: Receive, origin: Origin) -> Response:
        try:
            return _accepted(await self._take(scope, receive, origin))
        except HTTPError as error:
            if error.code in _UNAUTHENTICATED or (self._sender.body_s and error.code in _UNAUTHENTICATED_YET):
                return _unauthenticated_error(origin, error, scope)
            return self._error_response(origin, error)
        except StoreUnavailable as error:
            return self._error_response(origin, store_unavailable(error), Event.STORE_UNAVAILABLE, detail=str(error))
        except Exception as error:  # noqa: BLE001 - whatever broke, the sender must come again
            defect = HTTPError(503, "internal", "an unexpected error, logged by the bridge; try again")
            where = _where(error)
            return self._error_response(origin, defect, Event.DELIVERY_FAILED, detail=type(error).__name__, where=where)

    async def _take(self, scope: Scope, receive: Receive, origin: Origin) -> Outcome:
        if scope["method"] not in self._sender.methods:
            methods = ", ".join(self._sender.methods)
            raise HTTPError(405, "method_not_allowed", f"expected one of: {methods}", {"Allow": methods})
        if scope["app"].state.stopping:
            raise HTTPError(503, "stopping", "the bridge is shutting down; try again")
        if origin.error:
            raise HTTPError(404, "unknown_sender", f"no sender has this name: {origin.error}")
        self._sender.admit(scope, origin.sender)
        received_at = self._wall_ms()
        config = self._config.current
        limit = min(config.max_body_bytes, self._sender.max_body_bytes)
        encoding = header(scope, b"content-encoding")
        if encoding is not None and encoding.lower() != _PLAIN:
            raise HTTPError(415, "unsupported_encoding", "expected a body without Content-Encoding")
        declared = _declared_size(scope)
        try:
            with self._admission_limit.enter(_address(scope), within_s=self._sender.body_s) as admission:
                body = await read_body(receive, declared=declared, limit=limit, arrived=admission.arrived)
                admission.complete()
                self._sender.authenticate(scope, origin.sender, body)
                self._sender_watch.record_delivery(origin.source, origin.series)
                async with self._decode_limit.slot(len(body)):
                    delivery = await run_in_steps(self._sender.parse(body, origin.sender, received_at, config))
                    return await self._ingest(delivery, config, origin)
        except TooLarge:
            raise HTTPError(413, "too_large", f"the body is larger than the limit of {limit} bytes") from None
        except Overloaded:
            raise HTTPError(503, "overloaded", "too many deliveries are in flight; try again") from None
        except TooSlow:
            message = f"the body did not arrive within {self._sender.body_s:.0f} seconds; try again"
            raise HTTPError(503, "too_slow", message) from None
        except Disconnected:
            raise HTTPError(503, "disconnected", "the connection ended before the body did") from None
        except NotUnderstood as error:
            raise HTTPError(400, "not_understood", f"not {self._sender.payload}: {error}") from None

    async def _ingest(self, delivery: Delivery, config: Config, origin: Origin) -> Outcome:
        decided: list[Decision] = []
        ignored: list[tuple[Alert, Ignored]] = []
        watchdogs: set[str] = set()
        for start in range(0, len(delivery.alerts), _ALERTS_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for alert in delivery.alerts[start : start + _ALERTS_AT_ONCE]:
                decision = self._router.route(alert.labels, config)
                is_over = alert.status is AlertStatus.RESOLVED
                if isinstance(decision, Ignored) and decision.watchdog is not None and not is_over:
                    watchdogs.add(decision.watchdog)
                if isinstance(decision, Ignored) and not (is_over or self._sender.relabels):
                    ignored.append((alert, decision))
                else:  # routing may ignore now what an incident, opened under other labels or routes, still counts
                    decided.append((alert, decision))
        stored = list(zip(decided, await self._ingest_decided(decided), strict=True))
        if watchdogs:
            await self._store.heartbeat(watchdogs)
        if self._on_change is not None and any(change.is_due for _, change in stored):
            self._on_change()
        await self._public_note(delivery.public_notes, origin)
        counts = outcomes(delivery, ignored, stored)
        outcome = report(origin, delivery, counts, stored)
        if not counts.keys().isdisjoint(REASONS):
            keeps_words = config.operator_labels is not None
            self._unpublished.fold(origin, delivery, ignored, stored, keeps_words=keeps_words)
        _raise_if_over_limit([change for _, change in stored])
        return outcome

    async def _ingest_decided(self, decided: Sequence[Decision]) -> list[Change]:
        items = [(alert, decision if isinstance(decision, Routed) else None) for alert, decision in decided]
        return await self._store.ingest(items) if items else []

    async def _public_note(self, public_notes: Sequence[PublicNote], origin: Origin) -> None:
        for public_note in public_notes:
            outcome = await self._store.public_note(public_note)
            counted = {"unknown": "dropped", "repeat": "kept"}.get(outcome, outcome)
            telemetry.PUBLIC_NOTES.labels(origin.source, origin.series, counted).inc()
            if outcome == "unknown":
                log(Event.PUBLIC_NOTE_DROPPED, **origin.fields, fingerprint=public_note.fingerprint)
            elif outcome == "kept" and self._on_change is not None:
                self._on_change()

    @staticmethod
    def _error_response(origin: Origin, error: HTTPError, event: Event | None = None, **fields: str) -> Response:
        if error.code == _OVER_LIMIT:  # what was not kept has been reported
            return error.response()
        if event is None:
            event = Event.CREDENTIALS_MISSING if error.code == "no_credentials" else Event.DELIVERY_REJECTED
        details = {**origin.fields, "error": error.code, "message": error.message, **fields}
        if event in _RECURRING:
            log_throttled(event, 1, now=None, example=None, code=error.status, **details)
        else:
            log(event, code=error.status, **details)
        return error.response()


def _unauthenticated_error(origin: Origin, error: HTTPError, scope: Scope) -> Response:
    unauthenticated_log.log(
        Event.DELIVERY_REJECTED,
        address_of(scope),
        example={"sender": origin.sender} if origin.sender else None,
        source=origin.source,
        code=error.status,
        error=error.code,
        message=error.message,
    )
    return error.response()


def _accepted(outcome: Outcome) -> Response:
    return json_response({"status": "accepted", "delivery": outcome}, 202)


def _raise_if_over_limit(changes: Sequence[Change]) -> None:
    """Raise HTTPError where an alert was not kept, so that the sender brings it again."""
    refused = [change.outcome for change in changes if change.outcome in REFUSED]
    if refused:
        limits = " and ".join(words for outcome, words in REFUSED.items() if outcome in refused)
        message = (
            f"{len(refused)} of {len(changes)} alerts are new and firing, and were not stored because of the limit "
            f"{limits}; everything else of this delivery was stored: try again later"
        )
        raise HTTPError(503, _OVER_LIMIT, message)


def _declared_size(scope: Scope) -> int | None:
    text = header(scope, b"content-length") or b""
    return int(text) if text.isdigit() else None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _where(error: Exception) -> str:
    """Where an error was raised. Its text stays unsaid: it may quote the payload."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
