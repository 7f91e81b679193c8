"""Every metric, registered in one table. The log's events are in ``log_events``, its lines are made in ``log_lines``.

The reference pages are generated from these tables.

Nothing outside this module names a metric or a log event by a string, so what is documented is what exists.
"""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from bridge import __version__
from bridge.telemetry.log_events import Event as Event
from bridge.telemetry.log_lines import THROTTLE_S as THROTTLE_S
from bridge.telemetry.log_lines import configure_logging as configure_logging
from bridge.telemetry.log_lines import log as log
from bridge.telemetry.log_lines import log_throttled as log_throttled
from bridge.telemetry.series import BusyCounter, BusyGauge

REGISTRY = CollectorRegistry()

BUILD = Gauge(
    "bridge_build_info", "1, with the bridge's version and Python's.", ["version", "python"], registry=REGISTRY
)
BUILD.labels(__version__, platform.python_version()).set(1)
ProcessCollector(registry=REGISTRY)

DELIVERIES = BusyCounter(
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
    "bridge_api_requests_total", "Requests of people, by HTTP status answered.", ["code"], registry=REGISTRY
)
for _code in ("200", "202", "401", "403", "429"):
    API_REQUESTS.labels(_code)
ACTIONS = Counter(
    "bridge_actions_total",
    "Operators' actions, by verb and outcome; also the take-over by who posts on the page.",
    ["verb", "outcome"],
    registry=REGISTRY,
)
CONNECTIONS_CLOSED = Counter(
    "bridge_connections_closed_total",
    "Connections closed to make room for others, because the process had too many open.",
    registry=REGISTRY,
)
LAST_DELIVERY = BusyGauge(
    "bridge_last_delivery_timestamp_seconds",
    "Unix time of the last authentic delivery, by source.",
    ["source", "sender"],
    registry=REGISTRY,
)
WATCHDOG_SEEN = Gauge(
    "bridge_watchdog_last_seen_timestamp_seconds",
    "Unix time when a replica last received the watchdog of a route firing; 0 if none did.",
    ["route"],
    registry=REGISTRY,
)
ALERTS = BusyCounter(
    "bridge_alerts_total",
    "Alerts received, by source and outcome.",
    ["source", "sender", "outcome"],
    registry=REGISTRY,
)
PUBLIC_NOTES = Counter(
    "bridge_public_notes_total",
    "Public notes (notes and status updates for the page), by source and outcome.",
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
FIELDS_UNREADABLE = Counter(
    "bridge_fields_unreadable_total",
    "Values that the bridge could not read and took as missing, by source and the sender's name of the field.",
    ["source", "sender", "field"],
    registry=REGISTRY,
)
IDENTITY_CONFLICTS = Counter(
    "bridge_identity_conflicts_total",
    "Alerts that alternate between incidents because of their receivers, as with two senders without names.",
    ["source", "sender"],
    registry=REGISTRY,
)
ALERTS_STORED = Gauge(
    "bridge_alerts_stored", "Firing alerts, by route; `limits.alerts` bounds them.", ["route"], registry=REGISTRY
)
INCIDENTS_STORED = Gauge(
    "bridge_incidents_stored",
    "Incidents that fire or stand on a page, by route; `limits.incidents` bounds them.",
    ["route"],
    registry=REGISTRY,
)
INCIDENTS = Gauge("bridge_incidents", "Incidents in the store, by phase.", ["phase"], registry=REGISTRY)
INCIDENTS_OPEN_BY_OTHERS = Gauge(
    "bridge_incidents_open_by_others",
    "Incidents of ours that someone else resolved and opened again on the page; that person must end them.",
    registry=REGISTRY,
)
INCIDENTS_PARKED = Gauge(
    "bridge_incidents_parked",
    "Incidents with a pending write that the status page refuses permanently.",
    registry=REGISTRY,
)
INCIDENTS_WITHOUT_ALERT = Gauge(
    "bridge_incidents_open_without_alert",
    "Incidents open on the page although none of their alerts has fired or been held for longer than resolve_after, or "
    "flap.settle where it flaps.",
    registry=REGISTRY,
)
INCIDENTS_TAKEN_OVER = Gauge(
    "bridge_incidents_taken_over",
    "Incidents that operators, or people on the page, have taken over, by state: `firing`, or `clear` (open on the "
    "page without an alert).",
    ["state"],
    registry=REGISTRY,
)
INCIDENTS_UNKNOWN = Gauge(
    "bridge_incidents_unknown",
    "Open incidents on the page with a reference that this store does not know, as of the last read of the page.",
    registry=REGISTRY,
)
AUDIT_FINDINGS = Gauge(
    "bridge_audit_findings",
    "Findings of the last audit of the account, by kind: configured services with a wrong target.",
    ["kind"],
    registry=REGISTRY,
)
OLDEST_DUE = Gauge(
    "bridge_oldest_due_seconds",
    "How long the most overdue incident has been waiting for a reconciler, for Checkly, or for an accepted key.",
    registry=REGISTRY,
)
LOOKS = Counter(
    "bridge_looks_total",
    "Looks at open incidents on the page, by outcome; `changed`: something is new, `unclear`: a write was under way.",
    ["outcome"],
    registry=REGISTRY,
)
for _outcome in ("changed", "failed", "unchanged", "unclear"):
    LOOKS.labels(_outcome)
OLDEST_OBSERVATION = Gauge(
    "bridge_oldest_observation_seconds",
    "Time since the look at that open incident on the page which was not looked at for the longest; 0 if none is open.",
    registry=REGISTRY,
)
HEALING_PENDING = Gauge(
    "bridge_healing_pending",
    "Open alerts that their cluster does not list, and that are not closed (yet), as of this replica's last rounds.",
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
_DELAYS = (5, 15, 30, 45, 60, 75, 90, 120, 150, 180, 300, 600, 1200, 1800, 3600)
PUBLISH_DELAY = Histogram(
    "bridge_publish_delay_seconds",
    "From an outage's start, as far as its senders are believed, until a page took its opening, by API generation.",
    ["generation"],
    buckets=_DELAYS,
    registry=REGISTRY,
)
RESOLVE_DELAY = Histogram(
    "bridge_resolve_delay_seconds",
    "From an outage's end, as far as its senders are believed, until a page took RESOLVED, by API generation.",
    ["generation"],
    buckets=_DELAYS,
    registry=REGISTRY,
)
for _generation in ("v1", "v3"):
    PUBLISH_DELAY.labels(_generation)
    RESOLVE_DELAY.labels(_generation)
DUPLICATES = Counter(
    "bridge_duplicates_total", "Duplicate incidents of ours found on the page and resolved.", registry=REGISTRY
)
BLIPS = Counter(
    "bridge_blips_total",
    "Outages that cleared, unpublished, within publish_after, by route; `flap.blips` says what becomes of many.",
    ["route"],
    registry=REGISTRY,
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
    "bridge_incidents_withheld",
    "Incidents withheld for now, by reason: `taken_over`, `operator` (somebody said so), `second_writer` (someone else "
    "has one open for the service), or `budget`.",
    ["reason"],
    registry=REGISTRY,
)
BUDGET_REMAINING = Gauge(
    "bridge_budget_remaining",
    "Remaining part of a budget, by page; below 0 after the budget was lowered.",
    ["page", "budget"],
    registry=REGISTRY,
)
BUDGETS_LIFTED = Gauge(
    "bridge_budgets_lifted",
    "1 while an operator has lifted the budgets of the page.",
    ["page"],
    registry=REGISTRY,
)
GATE = Counter(
    "bridge_gate_total",
    "Decisions on openings and mails, by reason and decision; `mode: observe` counts them, too.",
    ["reason", "decision"],
    registry=REGISTRY,
)
SENDER_DISABLED = Gauge(
    "bridge_sender_disabled",
    "1 while PagerDuty delivers nothing by the webhook subscription that `healing.pagerduty` names.",
    ["source", "sender"],
    registry=REGISTRY,
)
HEALING_ROUNDS = Counter(
    "bridge_healing_rounds_total",
    "Rounds of questions to senders, by outcome: `ok`, `blind` (nothing can be closed by it), or the first error.",
    ["cluster", "outcome"],
    registry=REGISTRY,
)
HEALING_AGE = Gauge(
    "bridge_healing_age_seconds",
    "Time since the last round that was answered in full, and could have closed something, by cluster.",
    ["cluster"],
    registry=REGISTRY,
)
HEALED = Counter(
    "bridge_healed_total",
    "Alerts closed because their sender was asked and showed that they are over, by source.",
    ["source"],
    registry=REGISTRY,
)
ALERTS_UNDELIVERED = Gauge(
    "bridge_alerts_undelivered",
    "Alerts that a cluster of Alertmanagers holds for this bridge and never delivered, by cluster.",
    ["cluster"],
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
CONFIG_HASH = Gauge(
    "bridge_config_hash",
    "1, with a short hash of what the configuration in force says: replicas with different files differ in it.",
    ["hash"],
    registry=REGISTRY,
)
STORE_OK = Gauge("bridge_store_available", "1 while Redis accepts a delivery's writes.", registry=REGISTRY)
STORE_DURABLE = Gauge(
    "bridge_store_durable",
    "1 if Redis neither evicts keys nor runs without persistence or the replicas that store.wait_replicas demands.",
    registry=REGISTRY,
)

STORE_CLOCK_STEPS = Counter(
    "bridge_store_clock_steps_total",
    "Steps of the clock of Redis' host by a second or more that this process saw, by direction: back, forward.",
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
    "The used part of Redis' `maxmemory`; 0 if it has none, or hides it.",
    registry=REGISTRY,
)

LOG_LINES_DROPPED = Counter(
    "bridge_log_lines_dropped_total",
    "Log lines dropped because the reader is too slow, or the log cannot be written.",
    registry=REGISTRY,
)

for _direction in ("back", "forward"):  # a series that begins with its first event has no increase to see
    STORE_CLOCK_STEPS.labels(_direction)
for _reason in ("taken_over", "operator", "budget"):
    SUPPRESSED.labels(_reason)
for _reason in ("taken_over", "operator", "second_writer", "budget"):
    INCIDENTS_WITHHELD.labels(_reason)

_ANSWERS = ("202", "400", "401", "404", "405", "413", "415", "503")


def start_at_zero(source: str, sender: str = "") -> None:
    """Show the counters of a sender's deliveries that alert rules watch, at 0.

    A series that begins with its first event has no increase to see. The time of the last delivery stays absent.
    """
    for code in _ANSWERS:
        DELIVERIES.labels(source, sender, code)
    for outcome in ("unusable", "unknown_service", "over_alerts", "over_incidents", "over_memory"):
        ALERTS.labels(source, sender, outcome)
    ALERTS_TRUNCATED.labels(source, sender)
    IDENTITY_CONFLICTS.labels(source, sender)
    PUBLIC_NOTES.labels(source, sender, "dropped")
