"""Every log event and metric, registered in one table each; the reference pages are generated from these tables.

Nothing outside this module names a metric or a log event by a string, so what is documented is what exists.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from bridge import __version__
from bridge.log_output import LogOutput
from bridge.printable import printable

REGISTRY = CollectorRegistry()


class Event(Enum):
    """A log event: its name in the log, its level, and what it means to an operator."""

    STARTED = ("started", logging.INFO, "The process is ready to work.")
    STOPPING = (
        "stopping",
        logging.INFO,
        "SIGTERM or SIGINT arrived: new deliveries get 503, work in flight is finished.",
    )
    STOPPED = ("stopped", logging.INFO, "The process ends.")
    CONFIG_LOADED = ("config_loaded", logging.INFO, "A configuration took effect, at the start or by a reload.")
    CONFIG_REJECTED = (
        "config_rejected",
        logging.ERROR,
        "A changed configuration has errors; the previous one stays in force.",
    )
    CREDENTIALS_MISSING = (
        "credentials_missing",
        logging.ERROR,
        "No credentials are there to check a sender's deliveries: answered 503. Of listed senders also said at start.",
    )
    SENDERS_MISSING = (
        "senders_missing",
        logging.WARNING,
        "Said at the start: no sender has credentials, so that every delivery will be answered 503.",
    )
    KEY_REFUSED = (
        "key_refused",
        logging.WARNING,
        "Said at the start or when it begins: Checkly refuses the API key or account id; nothing is published.",
    )
    DELIVERY_REFUSED = (
        "delivery_refused",
        logging.WARNING,
        "A delivery was answered with an error. Of senders who prove nothing at most one line a minute and address.",
    )
    ADMIN_REFUSED = (
        "admin_refused",
        logging.WARNING,
        "Missing or wrong credentials for the API, or too many of them. At most one line a minute and address.",
    )
    DELIVERY_FAILED = (
        "delivery_failed",
        logging.ERROR,
        "A defect of the bridge: an unexpected error while taking in a delivery, answered 503 so that it comes again.",
    )
    LIBRARY_ERROR = (
        "library_error",
        logging.ERROR,
        "A library reported an error that the bridge did not expect; `detail` is its kind, `where` the line of code.",
    )
    DELIVERY_STORED = (
        "delivery_stored",
        logging.INFO,
        "A delivery of several alerts changed at least one and is durably stored.",
    )
    SENDER_SILENT = (
        "sender_silent",
        logging.WARNING,
        "No authentic delivery from this sender for a day or more: it may have stopped delivering. Said once a day.",
    )
    DELIVERY_DISMISSED = (
        "delivery_dismissed",
        logging.INFO,
        "An authentic delivery changes nothing: a ping, an event or note of no use, or a resolve by nobody.",
    )
    REMARK_DROPPED = (
        "remark_dropped",
        logging.WARNING,
        "A note or status update for the public was not published: nothing counts its alert, or the end came first.",
    )
    ALERT_UNUSABLE = (
        "alert_unusable",
        logging.WARNING,
        "One alert of a delivery could not be understood; the others count.",
    )
    FIELD_UNREAD = (
        "field_unread",
        logging.WARNING,
        "Values of this field could not be read and were taken as missing; the rest counts. At most one line a minute.",
    )
    IDENTITY_CONFLICT = (
        "identity_conflict",
        logging.WARNING,
        "Receivers report one alert for different incidents by turns: two senders look like one. Name the senders.",
    )
    ALERTS_REFUSED = (
        "alerts_refused",
        logging.ERROR,
        "Alerts that would be new were not kept for want of room under this limit, and answered 503. Once a minute.",
    )
    ALERT_CHANGED = (
        "alert_changed",
        logging.INFO,
        "An alert started, was held, resolved or moved; carries the incident it counts for.",
    )
    ALERTS_TRUNCATED = (
        "alerts_truncated",
        logging.WARNING,
        "The sender cut alerts from a delivery (max_alerts): set it to 0.",
    )
    STORE_UNAVAILABLE = (
        "store_unavailable",
        logging.ERROR,
        "Redis did not answer or cannot write, or too few replicas confirm it; deliveries get 503 until they do.",
    )
    STORE_CLOCK_STEPPED = (
        "store_clock_stepped",
        logging.WARNING,
        "The clock of Redis' host was set back or forward (`direction`), or another host with another clock took over.",
    )
    STORE_BACK = (
        "store_back",
        logging.INFO,
        "Redis takes deliveries again; with how often `store_unavailable` was left unsaid since it was last said.",
    )
    NAMESPACE_TAKEN = (
        "namespace_taken",
        logging.ERROR,
        "The keys in Redis belong to a bridge of another `checkly.instance`: the process ends with exit code 2.",
    )
    STORE_NOT_DURABLE = (
        "store_not_durable",
        logging.WARNING,
        "Redis may forget what it was told: eviction policy, missing persistence, missing replicas.",
    )
    STORE_MISNAMED = (
        "store_misnamed",
        logging.WARNING,
        "REDIS_URL names a node of a cluster as a server alone, which ends with a failover: use redis+cluster://.",
    )
    PHASE_CHANGED = ("phase_changed", logging.INFO, "An incident moved through its lifecycle.")
    PAGE_WRITTEN = ("page_written", logging.INFO, "A write reached the status page and is recorded.")
    WRITE_RETRIED = ("write_retried", logging.WARNING, "A write did not reach the status page and will be sent again.")
    DATE_REFUSED = (
        "date_refused",
        logging.WARNING,
        "The status page refuses a write that has a date; it is sent again at once without it.",
    )
    WRITE_UNKNOWN = (
        "write_unknown",
        logging.WARNING,
        "A write's outcome is unknown; its effect is looked for before anything is repeated.",
    )
    WRITE_ADOPTED = (
        "write_adopted",
        logging.WARNING,
        "The effect of a write of unknown outcome was found on the page and is taken over.",
    )
    DUPLICATE_FOUND = (
        "duplicate_found",
        logging.ERROR,
        "The page held two incidents of ours for one outage; the newer is resolved silently.",
    )
    INCIDENT_PARKED = (
        "incident_parked",
        logging.ERROR,
        "The status page refuses this incident's write for good; see the reason.",
    )
    PAGE_AWAY = (
        "page_away",
        logging.WARNING,
        "Checkly does not answer, or only with 5xx: nothing is begun, and a call a second asks whether it is back.",
    )
    PAGE_BACK = ("page_back", logging.INFO, "Checkly answers again: what is due goes out, resolves first.")
    WRITES_PAUSED = (
        "writes_paused",
        logging.ERROR,
        "The status page refuses the API key or account: every write waits.",
    )
    INCIDENT_HELD = (
        "incident_held",
        logging.WARNING,
        "Nothing is posted, for an incident that the bridge did not open is open for the same service.",
    )
    INCIDENT_WITHHELD = (
        "incident_withheld",
        logging.WARNING,
        "An opening is withheld for the reason given: it goes out when there is room. At most one line a minute.",
    )
    BUDGET_TRIPPED = (
        "budget_tripped",
        logging.ERROR,
        "A budget of what becomes public has no room: see how many wait, and what tells them apart. Said once.",
    )
    WRITES_RESUMED = ("writes_resumed", logging.INFO, "The status page accepts writes again.")
    SERVICE_MISSING = (
        "service_missing",
        logging.ERROR,
        "A configured service is not on the Checkly account; the incident is published without it.",
    )
    TARGET_WRONG = (
        "target_wrong",
        logging.ERROR,
        "A configured service does not lead where it should; see the reason. Said at the start, after a change, daily.",
    )
    TARGETS_UNREAD = (
        "targets_unread",
        logging.WARNING,
        "The account could not be read to see where the configured services lead; it is tried again.",
    )
    CLOSED_BY_OTHERS = (
        "closed_by_others",
        logging.WARNING,
        "Someone resolved or deleted our incident on the page; the bridge leaves it so.",
    )
    INCIDENT_TAKEN_BACK = (
        "incident_taken_back",
        logging.INFO,
        "What was taken for closed by someone else is open by an update of ours: the bridge goes on with it.",
    )
    INCIDENT_UNKNOWN = (
        "incident_unknown",
        logging.WARNING,
        "An open incident on the page has a reference that the store does not know: resolve it, or let its alert fire.",
    )
    LEASE_LOST = (
        "lease_lost",
        logging.WARNING,
        "A worker held an incident too long; another took over, nothing was written.",
    )
    RECONCILE_FAILED = (
        "reconcile_failed",
        logging.ERROR,
        "An unexpected error while working on an incident; it is tried again.",
    )

    def __init__(self, event: str, level: int, meaning: str) -> None:
        self.event = event
        self.level = level
        self.meaning = meaning


BUILD = Gauge(
    "bridge_build_info", "1, with the bridge's version and Python's.", ["version", "python"], registry=REGISTRY
)
BUILD.labels(__version__, platform.python_version()).set(1)
ProcessCollector(registry=REGISTRY)

DELIVERIES = Counter(
    "bridge_deliveries_total",
    "Webhook deliveries by source and HTTP status answered.",
    ["source", "sender", "code"],
    registry=REGISTRY,
)
DELIVERY_SECONDS = Histogram(
    "bridge_delivery_duration_seconds",
    "Time from a delivery's arrival to its answer.",
    ["source"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
API_REQUESTS = Counter(
    "bridge_api_requests_total", "Requests of administrators, by HTTP status answered.", ["code"], registry=REGISTRY
)
for _code in ("200", "401", "429"):
    API_REQUESTS.labels(_code)
CONNECTIONS_CLOSED = Counter(
    "bridge_connections_closed_total",
    "Connections that were closed to make room for another: more were open than the process can afford.",
    registry=REGISTRY,
)
LAST_DELIVERY = Gauge(
    "bridge_last_delivery_timestamp_seconds",
    "Unix time of the last authentic delivery, by source.",
    ["source", "sender"],
    registry=REGISTRY,
)
WATCHDOG_SEEN = Gauge(
    "bridge_watchdog_last_seen_timestamp_seconds",
    "Unix time when the watchdog of a route was last heard firing, by any replica; 0 if it never was.",
    ["route"],
    registry=REGISTRY,
)
ALERTS = Counter(
    "bridge_alerts_total",
    "Alerts received, by source and what became of them.",
    ["source", "sender", "outcome"],
    registry=REGISTRY,
)
REMARKS = Counter(
    "bridge_remarks_total",
    "Notes and status updates written for the public, by source and what became of them.",
    ["source", "sender", "outcome"],
    registry=REGISTRY,
)
DISMISSED = Counter(
    "bridge_deliveries_dismissed_total",
    "Authentic deliveries that change nothing, by source and reason.",
    ["source", "sender", "reason"],
    registry=REGISTRY,
)
ALERTS_TRUNCATED = Counter(
    "bridge_alerts_truncated_total", "Alerts that senders cut from deliveries.", ["source", "sender"], registry=REGISTRY
)
FIELDS_UNREAD = Counter(
    "bridge_fields_unread_total",
    "Values that could not be read and were taken as missing, by source and the sender's name of the field.",
    ["source", "sender", "field"],
    registry=REGISTRY,
)
IDENTITY_CONFLICTS = Counter(
    "bridge_identity_conflicts_total",
    "Alerts that receivers report for different incidents by turns, as two senders do that nobody has named.",
    ["source", "sender"],
    registry=REGISTRY,
)
ALERTS_STORED = Gauge(
    "bridge_alerts_stored", "Alerts that fire, by route: what `limits.alerts` bounds.", ["route"], registry=REGISTRY
)
INCIDENTS_STORED = Gauge(
    "bridge_incidents_stored",
    "Incidents that fire or stand on a page, by route: what `limits.incidents` bounds.",
    ["route"],
    registry=REGISTRY,
)
INCIDENTS = Gauge("bridge_incidents", "Incidents in the store, by phase.", ["phase"], registry=REGISTRY)
INCIDENTS_HELD_BACK = Gauge(
    "bridge_incidents_held_back",
    "Incidents that are not posted because an incident of someone else is open for the same service.",
    registry=REGISTRY,
)
INCIDENTS_OPEN_BY_OTHERS = Gauge(
    "bridge_incidents_open_by_others",
    "Incidents of ours that someone else resolved and opened again on the page: to end them is up to whoever did.",
    registry=REGISTRY,
)
INCIDENTS_PARKED = Gauge(
    "bridge_incidents_parked",
    "Incidents of which something is still to be written that the status page refuses for good.",
    registry=REGISTRY,
)
INCIDENTS_WITHOUT_ALERT = Gauge(
    "bridge_incidents_open_without_alert",
    "Incidents that stand open on the page although for longer than resolve_after no alert of theirs fires or is held.",
    registry=REGISTRY,
)
INCIDENTS_UNKNOWN = Gauge(
    "bridge_incidents_unknown",
    "Open incidents on the page with a reference that this store does not know, when the page was last looked at.",
    registry=REGISTRY,
)
TARGETS_WRONG = Gauge(
    "bridge_targets_wrong",
    "What is wrong with where the configured services lead, by problem, when the account was last looked at.",
    ["problem"],
    registry=REGISTRY,
)
OLDEST_DUE = Gauge(
    "bridge_oldest_due_seconds",
    "How long the most overdue incident has been waiting: for a reconciler, for Checkly, or for a key that it accepts.",
    registry=REGISTRY,
)
WRITES = Counter(
    "bridge_page_writes_total",
    "Writes to the status page, by kind and outcome.",
    ["write", "outcome"],
    registry=REGISTRY,
)
PAGE_REQUESTS = Counter(
    "bridge_page_requests_total",
    "HTTP requests to Checkly, by method and status (0: no answer).",
    ["method", "code"],
    registry=REGISTRY,
)
PAGE_SECONDS = Histogram(
    "bridge_page_request_duration_seconds", "Duration of HTTP requests to Checkly.", ["method"], registry=REGISTRY
)
WRITES_PAUSED = Gauge(
    "bridge_writes_paused", "1 while every write waits because Checkly refuses the key or account.", registry=REGISTRY
)
DUPLICATES = Counter(
    "bridge_duplicates_total", "Duplicate incidents of ours found on the page and resolved.", registry=REGISTRY
)
MISSED = Counter(
    "bridge_incidents_missed_total", "Outages that cleared before they could be published.", registry=REGISTRY
)
SUPPRESSED = Counter(
    "bridge_incidents_suppressed_total",
    "Outages that cleared while they were withheld, and so were not published, by reason.",
    ["reason"],
    registry=REGISTRY,
)
INCIDENTS_WITHHELD = Gauge(
    "bridge_incidents_withheld", "Incidents that are not posted for now, by reason.", ["reason"], registry=REGISTRY
)
BUDGET_REMAINING = Gauge(
    "bridge_budget_remaining",
    "How much is left of a budget of what may become public, by page; below 0 where it was made smaller.",
    ["page", "budget"],
    registry=REGISTRY,
)
GATE = Counter(
    "bridge_gate_total",
    "What was decided on each opening, and on each mail, by what it was asked of: also where it is only observed.",
    ["reason", "decision"],
    registry=REGISTRY,
)
CONFIG_LOADED = Gauge(
    "bridge_config_loaded_timestamp_seconds",
    "Unix time at which the configuration in force was loaded.",
    registry=REGISTRY,
)
CONFIG_OK = Gauge(
    "bridge_config_last_reload_successful",
    "1 if the last attempt to load the configuration succeeded.",
    registry=REGISTRY,
)
STORE_OK = Gauge("bridge_store_available", "1 while Redis takes what a delivery writes.", registry=REGISTRY)
STORE_DURABLE = Gauge(
    "bridge_store_durable",
    "1 if Redis neither evicts keys nor runs without persistence or the replicas that store.wait_replicas demands.",
    registry=REGISTRY,
)

STORE_CLOCK_STEPS = Counter(
    "bridge_store_clock_steps_total",
    "How often this process saw the clock of Redis' host set by a second or more, by direction: back, forward.",
    ["direction"],
    registry=REGISTRY,
)
STORE_CLOCK_AHEAD = Gauge(
    "bridge_store_clock_ahead_seconds",
    "How far the store's time, which never goes back, is ahead of the clock of Redis' host.",
    registry=REGISTRY,
)
STORE_MEMORY = Gauge(
    "bridge_store_memory_used_ratio",
    "How much of the memory that Redis may use it does; 0 where it has no `maxmemory`, or does not say.",
    registry=REGISTRY,
)

LOG_LINES_DROPPED = Counter(
    "bridge_log_lines_dropped_total",
    "Lines of the log that were not written: nobody reads it fast enough, or it cannot be written.",
    registry=REGISTRY,
)

for _direction in ("back", "forward"):  # a series that begins with its first event has no increase to see
    STORE_CLOCK_STEPS.labels(_direction)
SUPPRESSED.labels("budget")
INCIDENTS_WITHHELD.labels("budget")

_ANSWERS = ("202", "400", "401", "404", "405", "413", "415", "503")


def expect(source: str, sender: str = "") -> None:
    """Show the counters of a sender's deliveries that alert rules watch, at 0.

    A series that begins with its first event has no increase to see. The time of the last delivery stays absent.
    """
    for code in _ANSWERS:
        DELIVERIES.labels(source, sender, code)
    for outcome in ("unusable", "over_alerts", "over_incidents", "over_memory"):
        ALERTS.labels(source, sender, outcome)
    ALERTS_TRUNCATED.labels(source, sender)
    IDENTITY_CONFLICTS.labels(source, sender)
    REMARKS.labels(source, sender, "dropped")


SELDOM_S = 60.0
SELDOM_KEPT = 1_000  # different lines; then all are forgotten, and each is news
FIELD_CHARS = 1_024  # of a field of the log: a sender may choose some of what is in it

_log: Any = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
_threshold = logging.NOTSET


def log(event: Event, **fields: Any) -> None:
    """Write one registered log event. ``fields`` never hold a secret or a payload's free text; long ones are cut."""
    if event.level >= _threshold:
        for name, value in fields.items():
            if type(value) is str and len(value) > FIELD_CHARS:
                fields[name] = f"{value[: FIELD_CHARS - 1]}…"
        _log.log(event.level, event.event, **fields)


class _Seldom:
    """Log events that come in floods: at once, then each minute with how many there were, by event and fields."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Any, ...], tuple[float, int]] = {}

    def __call__(
        self,
        event: Event,
        count: int = 1,
        *,
        now: float | None = None,
        example: Mapping[str, str | None] | None = None,
        **fields: Hashable,
    ) -> None:
        """Count, and log what was not said yet unless it was said within a minute.

        The fields' values should be few; what may be many goes into the ``example``.
        """
        now = time.monotonic() if now is None else now
        key = (event, *fields.items())
        said_at, unsaid = self._counts.get(key, (now - SELDOM_S, 0))
        if now - said_at < SELDOM_S:
            self._counts[key] = said_at, unsaid + count
            return
        if len(self._counts) >= SELDOM_KEPT:
            self._counts.clear()
        self._counts[key] = now, 0
        log(event, count=unsaid + count, **fields, **(example or {}))

    def over(self, event: Event) -> int:
        """What the event tells of is over, so that the next one is news. How many are unsaid."""
        ended = [key for key in self._counts if key[0] is event]
        return sum(self._counts.pop(key)[1] for key in ended)


seldom = _Seldom()


class _Libraries(logging.Handler):
    """What libraries log: where, and what kind of error. Its text may quote a payload, and stays unsaid."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        error = record.exc_info[1] if record.exc_info else None
        where, detail = f"{record.pathname}:{record.lineno}", str(record.msg)
        if error is not None:
            detail = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else where
        log(Event.LIBRARY_ERROR, logger=record.name, detail=detail, where=where)


class _Lines:
    """What structlog calls with each rendered line, whatever its level."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def __getattr__(self, _level: str) -> Callable[[str], object]:
        return self._write


def start_log(*, level: str, form: str) -> LogOutput:
    """Send log lines, those of libraries too, to standard error: see `configure_logging`. To be flushed at the end."""
    output = LogOutput(sys.stderr.fileno(), dropped=LOG_LINES_DROPPED.inc)
    configure_logging(level=level, form=form, is_terminal=sys.stderr.isatty(), write=output.write)
    logging.basicConfig(handlers=[_Libraries()], level=logging.ERROR, force=True)
    return output


def configure_logging(
    *, write: Callable[[str], object], level: str = "info", form: str = "auto", is_terminal: bool = False
) -> None:
    """Call ``write`` with each line of the log, without its end: as JSON, or readable where a person watches.

    ``form`` is ``json``, ``text`` or ``auto`` (text on a terminal). ``level`` is a name of the logging
    module, in any case.
    """
    global _threshold, _log  # noqa: PLW0603 - the process has one log, and asking structlog each time is what costs
    _threshold = logging.getLevelNamesMapping()[level.upper()]
    readable = form == "text" or (form == "auto" and is_terminal)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=is_terminal) if readable else structlog.processors.JSONRenderer(_to_json)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([_printable] if readable else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_threshold),
        logger_factory=lambda: _Lines(write),
        cache_logger_on_first_use=False,
    )
    _log = structlog.get_logger().bind()


def _printable(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A step of structlog: what a terminal shows is what is there."""
    return {
        name: printable(value, keep="\n") if name == "exception" else _shown(value) for name, value in fields.items()
    }


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else printable(str(value))


def _to_json(fields: dict[str, Any], **options: Any) -> str:
    """A line as JSON, in ASCII. The standard library is slower, and for what msgspec refuses or does not escape."""
    try:
        line = _encode(fields)
    except (TypeError, ValueError, OverflowError):
        line = b""
    return line.decode() if line and line.isascii() else json.dumps(fields, **options)
