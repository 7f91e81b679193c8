"""``bridge incidents list``: what a running bridge has in hand."""

from __future__ import annotations

from typing import Any

from bridge.cli.client import DEFAULT_URL, Url, get
from bridge.cli.output import Form, Output, print_json, print_table, say


def list_(*, url: Url = DEFAULT_URL, output: Output = Form.TEXT) -> None:
    """List the incidents, the next due first."""
    found = get(url, "/api/incidents")["incidents"]
    if output is Form.JSON:
        print_json(found)
    elif not found:
        say("No incidents.")
    else:
        rows = [
            (
                each["id"],
                each["phase"],
                each["severity"] or "-",
                _services(each),
                each["key"],
                "; ".join(each.get("attention", ())),
            )
            for each in found
        ]
        print_table([("id", "phase", "severity", "services", "key", "attention"), *rows])


def _services(incident: dict[str, Any]) -> str:
    return ", ".join(
        incident["services"] or dict.fromkeys(name for post in incident["posts"] for name in post["services"])
    )
