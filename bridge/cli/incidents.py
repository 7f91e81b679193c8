"""``bridge incidents``: what a running bridge has in hand."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any

import httpx
from cyclopts import App, Parameter

from bridge.cli.errors import USAGE, CommandError
from bridge.cli.inputs import read_settings
from bridge.cli.output import Form, Output, print_json, print_table, say
from bridge.config.network import NetworkError, is_http_url
from bridge.messages import printable

if TYPE_CHECKING:
    from bridge.config.environment import Settings

Url = Annotated[str, Parameter(env_var="BRIDGE_URL", help="The running bridge's address.")]
DEFAULT_URL = "http://127.0.0.1:8080"
_CLOSED = ("closed by someone else", "open on the page by someone else's update: its end is up to them")
_APART = ("posts", "alerts", "alerts_total", "alerts_after")
_MANY_FAILURES = 10  # about a minute without success: no passing hiccup

incidents = App(
    name="incidents",
    help="Show the incidents of a running bridge. Needs its ADMIN_TOKENS.",
    result_action="return_value",
)


@incidents.command(name="list")
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


@incidents.command
def show(
    id_: Annotated[str, Parameter(name="id", help="The incident's id, as the list and the public reference show it.")],
    /,
    *,
    alerts: Annotated[int, Parameter(help="About how many alerts to show, from 1 to 1000.")] = 100,
    after: Annotated[int, Parameter(help="The alert to continue after, from the previous answer.")] = 0,
    url: Url = DEFAULT_URL,
    output: Output = Form.TEXT,
) -> None:
    """Show one incident with its posts, some of its alerts, and why each counts."""
    found = get(url, f"/api/incidents/{id_}?alerts={alerts}&after={after}")
    if output is Form.JSON:
        print_json(found)
        return
    rows = [(name.replace("_", " "), _value(value)) for name, value in found.items() if name not in _APART]
    print_table([row for row in rows if row[1]])
    for kind in ("posts", "alerts"):
        for each in found[kind]:
            say("", f"{kind.removesuffix('s')} {each.get('page') or each.get('fingerprint')}")
            print_table([(name, _value(value)) for name, value in each.items() if _value(value)], indent="  ")
    if following := found.get("alerts_after"):  # an older bridge gives all
        shown, total = len(found["alerts"]), found["alerts_total"]
        say("", f"{shown} of {total} alerts are shown. More: --after {following}")


def get(url: str, path: str) -> Any:
    """What a running bridge answers. Raises CommandError when it does not, or not with what was asked for."""
    settings, url = read_settings(), url.strip().rstrip("/")
    if not settings.admin_tokens:
        raise CommandError("Set ADMIN_TOKENS (or ADMIN_TOKENS_FILE) to the running bridge's.", USAGE)
    if not is_http_url(url):
        raise CommandError(f"BRIDGE_URL or --url must look like {DEFAULT_URL}", USAGE)
    headers = {"Authorization": _authorization(settings.admin_tokens[0].reveal())}
    answer = _request(settings, url, path, headers)
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"The bridge at {url} answers {answer.status_code}: {_message(answer)}")
    return found


def _request(settings: Settings, url: str, path: str, headers: dict[str, str]) -> httpx.Response:
    try:
        options = settings.network.options(url)
    except NetworkError as error:
        raise CommandError(str(error), USAGE) from error
    try:
        return httpx.get(url + path, headers=headers, **options)
    except httpx.TransportError as error:
        proxy = settings.network.proxy_name(url)
        way = f" through the proxy of {proxy}" if proxy else ""
        reason = str(error).rstrip(".") or type(error).__name__
        raise CommandError(f"No bridge answers at {url}{way}: {reason}. Set BRIDGE_URL or --url.") from error


def _authorization(token: str) -> str:
    if ":" in token:
        return f"Basic {base64.b64encode(token.encode()).decode()}"
    return f"Bearer {token}"


def _message(answer: httpx.Response) -> str:
    try:
        return printable(str(answer.json()["message"]))
    except (ValueError, KeyError, TypeError):
        return printable(answer.reason_phrase)


def _services(incident: dict[str, Any]) -> str:
    return ", ".join(
        incident["services"] or dict.fromkeys(name for post in incident["posts"] for name in post["services"])
    )


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name}: {_value(each)}" for name, each in value.items() if each)
        case list():
            return "; ".join(map(str, value))
    return str(value or "")


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
