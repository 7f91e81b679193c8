"""Every log event, registered in one table; the reference page is generated from it."""

from __future__ import annotations

import logging
from enum import Enum


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
        "A sender has no credentials, so its deliveries are answered 503. Logged at the start for listed senders.",
    )
    SENDER_WITHOUT_CREDENTIALS = (
        "sender_without_credentials",
        logging.WARNING,
        "Logged at the start: deliveries of this sender will be answered 503. `needed`: the configuration names it.",
    )
    KEY_NOT_PROBED = (
        "key_not_probed",
        logging.WARNING,
        "With `--strict`: Checkly did not answer at the start, so the bridge starts with a key that may be wrong.",
    )
    CHECKLY_UNAUTHORIZED = (
        "checkly_unauthorized",
        logging.WARNING,
        "Logged at the start or when it begins: Checkly refuses the API key or account id; nothing is published.",
    )
    DELIVERY_REJECTED = (
        "delivery_rejected",
        logging.WARNING,
        "A delivery was answered with an error. Without valid credentials at most one line a minute and address.",
    )
    ADMIN_UNAUTHORIZED = (
        "admin_unauthorized",
        logging.WARNING,
        "Wrong credentials for the API, too many, or too few rights to act. At most one line a minute and address.",
    )
    OPERATOR_ACTED = (
        "operator_acted",
        logging.INFO,
        "An operator asked for an action on an incident; `outcome` says what became of it. The reason is not logged.",
    )
    DELIVERY_FAILED = (
        "delivery_failed",
        logging.ERROR,
        "A defect of the bridge: an unexpected error in a delivery; it is answered 503, so the sender retries.",
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
        "No authentic delivery from this sender for a day or more: it may have stopped delivering. Logged once a day.",
    )
    SENDER_DISABLED = (
        "sender_disabled",
        logging.ERROR,
        "PagerDuty delivers nothing by this webhook `subscription`: what happens meanwhile is lost. Logged once a day.",
    )
    SUBSCRIPTION_UNREADABLE = (
        "subscription_unreadable",
        logging.WARNING,
        "PagerDuty knows no such `subscription` (404), or the key may not read it (403): not watched for an hour.",
    )
    PAGERDUTY_REFUSED = (
        "pagerduty_refused",
        logging.ERROR,
        "PagerDuty refuses the API key of `set` (401, 403): nothing is asked for an hour, or until the key is another.",
    )
    PAGERDUTY_UNANSWERED = (
        "pagerduty_unanswered",
        logging.WARNING,
        "PagerDuty gave no answer that counts: nothing is closed, and it is asked again. At most one line a minute.",
    )
    PAGED_INCIDENT_MISSING = (
        "paged_incident_missing",
        logging.WARNING,
        "PagerDuty said three times in an hour that it has no such incident. That is no end: it stays open here.",
    )
    HEALING_KEY_MISSING = (
        "healing_key_missing",
        logging.ERROR,
        "The variable that the section `healing` names holds nothing that can be used: that sender is not asked.",
    )
    HEALING_FAILED = (
        "healing_failed",
        logging.ERROR,
        "An unexpected error while senders were asked; it is tried again. Deliveries and writes go on.",
    )
    ALERT_UNDELIVERED = (
        "alert_undelivered",
        logging.WARNING,
        "An Alertmanager holds this alert for the bridge for ten minutes and more, and it never arrived. Logged once.",
    )
    ALERT_TAKEN_IN = (
        "alert_taken_in",
        logging.WARNING,
        "An alert that never arrived was taken in: `reason` is undelivered, or store_lost: its incident is on a page.",
    )
    DELIVERY_DISMISSED = (
        "delivery_dismissed",
        logging.INFO,
        "An authentic delivery changes nothing: a ping, an unused event or note, or a resolve by nobody.",
    )
    PUBLIC_NOTE_DROPPED = (
        "public_note_dropped",
        logging.WARNING,
        "A public note was not published: no incident counts its alert, or the end came first.",
    )
    ALERT_UNUSABLE = (
        "alert_unusable",
        logging.WARNING,
        "One alert of a delivery could not be understood; the others count.",
    )
    ALERT_NOT_PUBLISHED = (
        "alert_not_published",
        logging.INFO,
        "Alerts are not published for `reason`: `bridge alerts list --not-published`. At most one line an hour each.",
    )
    FIELD_UNREADABLE = (
        "field_unreadable",
        logging.WARNING,
        "The bridge could not read values of this field and took them as missing. At most one line a minute.",
    )
    IDENTITY_CONFLICT = (
        "identity_conflict",
        logging.WARNING,
        "One alert alternates between incidents because of its receivers: two senders look like one. Name the senders.",
    )
    ALERTS_OVER_LIMIT = (
        "alerts_over_limit",
        logging.ERROR,
        "New alerts were not stored because of this limit, and answered 503. Logged once a minute.",
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
    STORE_RECOVERED = (
        "store_recovered",
        logging.INFO,
        "Redis takes deliveries again; `count` is the number of `store_unavailable` that were not logged.",
    )
    NAMESPACE_TAKEN = (
        "namespace_taken",
        logging.ERROR,
        "The keys in Redis belong to a bridge of another `checkly.instance`: the process ends with exit code 2.",
    )
    STORE_NOT_DURABLE = (
        "store_not_durable",
        logging.WARNING,
        "Redis may forget acknowledged writes: eviction policy, missing persistence, missing replicas.",
    )
    STORE_URL_MISMATCH = (
        "store_url_mismatch",
        logging.WARNING,
        "REDIS_URL names a node of a cluster as a single server, which breaks at a failover: use redis+cluster://.",
    )
    PHASE_CHANGED = ("phase_changed", logging.INFO, "An incident moved through its lifecycle.")
    PAGE_WRITTEN = ("page_written", logging.INFO, "A write reached the status page and is recorded.")
    WRITE_RETRIED = ("write_retried", logging.WARNING, "A write did not reach the status page and will be sent again.")
    DATE_REJECTED = (
        "date_rejected",
        logging.WARNING,
        "The status page refuses the date of a write; the write is sent again at once without it.",
    )
    WRITE_UNKNOWN = (
        "write_unknown",
        logging.WARNING,
        "A write's outcome is unknown; the bridge reads back before it repeats the write.",
    )
    WRITE_ADOPTED = (
        "write_adopted",
        logging.WARNING,
        "The bridge found a write of unknown outcome on the page and adopts it.",
    )
    DUPLICATE_FOUND = (
        "duplicate_found",
        logging.ERROR,
        "The page had two incidents of ours for one outage; the newer is resolved without a mail.",
    )
    INCIDENT_PARKED = (
        "incident_parked",
        logging.ERROR,
        "The status page refuses this incident's write permanently; see the reason.",
    )
    CHECKLY_UNAVAILABLE = (
        "checkly_unavailable",
        logging.WARNING,
        "Checkly does not answer, or only with 5xx: no write is started, and one request a second probes it.",
    )
    CHECKLY_RECOVERED = ("checkly_recovered", logging.INFO, "Checkly answers again: due writes go out, resolves first.")
    WRITES_PAUSED = (
        "writes_paused",
        logging.ERROR,
        "The status page refuses the API key or account: every write waits.",
    )
    INCIDENT_WITHHELD = (
        "incident_withheld",
        logging.WARNING,
        "Withheld for `reason`: `taken_over`, `operator` or `budget` (one line a minute of each), or `second_writer`.",
    )
    BUDGET_TRIPPED = (
        "budget_tripped",
        logging.ERROR,
        "A budget is used up: see how many incidents wait, and which label distinguishes them. Logged once.",
    )
    BUDGETS_LIFTED = (
        "budgets_lifted",
        logging.WARNING,
        "An operator lifted budgets, or ended that; `due` were withheld and are published. The reason is not logged.",
    )
    WRITES_RESUMED = ("writes_resumed", logging.INFO, "The status page accepts writes again.")
    SERVICE_MISSING = (
        "service_missing",
        logging.ERROR,
        "A configured service is not on the Checkly account; the incident is published without it.",
    )
    AUDIT_FINDING = (
        "audit_finding",
        logging.ERROR,
        "A configured service has the wrong target; see the reason. Logged at the start, after a change, and daily.",
    )
    AUDIT_FAILED = (
        "audit_failed",
        logging.WARNING,
        "The audit could not read the account; it is tried again.",
    )
    CLOSED_BY_OTHERS = (
        "closed_by_others",
        logging.WARNING,
        "Someone resolved or deleted our incident on the page; the bridge leaves it closed.",
    )
    EDITED_BY_OTHERS = (
        "edited_by_others",
        logging.INFO,
        "A look at the page found that someone set these `fields` of our incident; the bridge leaves them.",
    )
    LOOK_FAILED = (
        "look_failed",
        logging.WARNING,
        "A page could not be looked at; the next look tries again. At most one line a minute and page.",
    )
    ALERT_HEALED = (
        "alert_healed",
        logging.INFO,
        "Healing closed an alert that nobody resolved; `evidence` says by what.",
    )
    HEALING_WOULD_CLOSE = (
        "healing_would_close",
        logging.INFO,
        "With `healing.mode: observe`: healing would close this alert; `evidence` says by what. Logged once.",
    )
    HEALING_MASS = (
        "healing_mass",
        logging.WARNING,
        "So many alerts are missing at once that the sender may be in trouble: they are closed three times later.",
    )
    HEALING_VOID = (
        "healing_void",
        logging.WARNING,
        "A peer gave no whole answer, so the round counts for nothing. At most one line a minute and reason.",
    )
    HEALING_BLIND = (
        "healing_blind",
        logging.WARNING,
        "For three rounds nothing could be closed by what a cluster lists; `reason` says what it lacks.",
    )
    HEALING_AMBIGUOUS = (
        "healing_ambiguous",
        logging.WARNING,
        "Several signs of life agree in `alive.same`: one that lives vouches for one that is dead. Name what differs.",
    )
    HEALING_HASTY = (
        "healing_hasty",
        logging.WARNING,
        "`healing.absent_for` is under five minutes: alerts may be closed that fire on. Logged when it takes effect.",
    )
    INCIDENT_RECLAIMED = (
        "incident_reclaimed",
        logging.INFO,
        "An incident that looked closed by someone else is open by an update of ours: the bridge continues it.",
    )
    INCIDENT_UNKNOWN = (
        "incident_unknown",
        logging.WARNING,
        "An open incident on the page has a reference that the store does not know: resolve it, or let its alert fire.",
    )
    LEASE_LOST = (
        "lease_lost",
        logging.WARNING,
        "A worker's lease of an incident ran out; another worker took over, nothing was written.",
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
