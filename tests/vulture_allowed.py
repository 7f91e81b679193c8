"""Names that vulture takes for unused: a framework calls or reads them, or they are found by name. Never imported."""

from __future__ import annotations

__all__ = [  # noqa: F822, RUF022 - defined elsewhere and grouped by reason; vulture counts them as used
    # called by Cyclopts, by the names in bridge.cli
    "serve", "check", "explain", "services", "list_", "show", "export", "sandbox", "demo", "heal",
    # read or called by Uvicorn and Starlette
    "should_exit", "capture_signals", "redirect_slashes", "middleware_stack", "raw_headers",
    # called by redis-py
    "get_connection",
    # called by `with`
    "__exit__",
    # called by Jinja's visitor, read by google-re2
    "visit_For", "visit_If", "visit_CondExpr", "visit_Getattr", "log_errors",
    # fields of wire formats, and what templates read
    "t", "last_update_status", "paginated", "committed", "ended", "to", "subject", "uptime", "history", "shown_on",
    "communicate", "rank", "tone", "custom_domain", "theme_colors", "logo", "logo_dark", "redirect_to", "favicon",
    "default_theme", "privacy_policy_link", "terms_of_service_link", "footer_text", "google_analytics_tag",
    "allow_indexing",
    # fields of an alert as the scripts store it, which only they read
    "resolved_at", "own_incident",
    # called by docs/generate.py
    "document",
    # operators' actions: what the scripts read, and what is asked for by its word
    "HOLD", "RELEASE", "PUBLISH", "DISMISS", "SAY", "RESOLVE", "MUTE", "UNMUTE", "TAKE_OVER", "HAND_BACK", "RETRY",
    "DONE", "REPEAT", "CONFLICT", "NOT_FOUND", "TOO_LATE", "NOT_POSSIBLE", "act", "SAID_AS", "Orders", "until", "quiet",
    "hold", "publish", "dismiss", "resolve", "take_over", "retry", "mutes", "Action", "by", "for_ms", "alert", "verb",
    "reason",
    # what polls of senders show
    "Listed", "Poll", "age_ms", "is_settled", "PeerError",
    # found by name
    "MEDIUM", "MAJOR", "CRITICAL", "UNDER_MAINTENANCE",
]  # fmt: skip
