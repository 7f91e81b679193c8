"""``bridge incidents list``: what a running bridge has in hand."""

from __future__ import annotations

from typing import Any

from bridge.cli.client import DEFAULT_URL, Url, get
from bridge.cli.output import Form, Output, print_json, print_table, say

_CLOSED = ("closed by someone else", "open on the page by someone else's update: its end is up to them")
_MANY_FAILURES = 10  # about a minute without success: no passing hiccup


def list_(*, url: Url = DEFAULT_URL, output: Output = Form.TEXT) -> None:
    """List the incidents, the next due first."""
    found = get(url, "/api/incidents")["incidents"]
    if output is Form.JSON:
        print_json(found)
    elif not found:
        say("No incidents.")
    else:
        rows = [
            (each["id"], each["phase"], each["severity"] or "-", _services(each), each["key"], _attention(each))
            for each in found
        ]
        print_table([("id", "phase", "severity", "services", "key", "attention"), *rows])


def _services(incident: dict[str, Any]) -> str:
    return ", ".join(
        incident["services"] or dict.fromkeys(name for post in incident["posts"] for name in post["services"])
    )


def _attention(incident: Any) -> str:
    """What a person should know of, or do something about; nothing in the normal case.

    Of a post for which nothing may be written any more, there is nothing to do.
    """
    posts = [post for post in incident["posts"] if post.get("ongoing", True)]
    said = [f"parked: {post['parked']}" for post in posts if post["parked"]]
    said += [
        f"withheld: {post['second_writer']} is open for the same service" for post in posts if post["second_writer"]
    ]
    said += [f"withheld: {post['withheld']['detail']}" for post in posts if post.get("withheld")]
    failing = [post for post in posts if post["attempts"] >= _MANY_FAILURES and not post["parked"]]
    said += [f"{post['page']}: {post['attempts']} failures in a row" for post in failing]
    closed = [post for post in incident["posts"] if post["closed_at"] and (post in posts or post.get("theirs_at"))]
    said += [_CLOSED[bool(post.get("theirs_at"))] for post in closed]
    said += ["a write of unknown outcome" for post in posts if (post["pending"] or {}).get("unknown_at")]
    if incident["orphaned"]:
        said.append("kept open by an alert merged into one never seen")
    if incident.get("identity_conflict_at"):
        said.append("two senders report the same alert: name them (/webhooks/alertmanager/NAME)")
    if incident["note"]:
        said.append(incident["note"])
    return "; ".join(said)
