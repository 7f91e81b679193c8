"""Words that mean something to a template, Markdown, HTML, a terminal or the eye, in all that may be published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.scenarios.vocabulary import alert, iso, now_ms, payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

VALUES = (
    "{{ 7*7 }}",
    *("{% for x in ().__class__.__base__.__subclasses__() %}x{% endfor %}", "{# x #}", "${7*7}", "#{7*7}"),
    *("<%= 7*7 %>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "<!--"),
    *("</p></li></ol><h1>x", "&lt;b&gt;&#60;", "\uff1cscript\uff1e", "[x](javascript:alert(1))", "<http://evil.example>"),
    *("![](http://evil.example/x.png)", "[ref]: http://evil.example", "http://evil.example/?q=1", "www.evil.example"),
    *("evil\uff0eexample", "evil\u3002example", "mail@evil.example", "//evil.example"),
    *("data:text/html;base64,PHg+", "10.0.0.1:8080/admin", "# x", "- x", "* x", "1. x", "> x", "```x```", "**x**"),
    *("__x__", "~~x~~", "| a | b |", "---", "===", "\\*x", "a\nb", "a\r\n\r\n# b", "a\u2028b", "a\u2029b", "a\x85b"),
    *("a\tb", "a\x00b", "a\x1b[31mb", "a\x08\x08b", "\ufeffa", "\u202etxt.exe", "a\u2066b\u2069", "a\u200bb", "a|b"),
    *("a\u200d\u200cb", "\U000e0041\U000e0042", "a\u00adb", "e" + "\u0301" * 500, "\ufdfa" * 60, "\uff41\uff0e\uff42"),
    *("x" * 10_000, "x " * 5_000, "<" * 10_000, "Reference: 0ABCDEFGHJ", "x\n\nReference: 0ABCDEFGHJ", "l|region|x"),
    *("[ref 0ABCDEFGHJ]", "%s %d {0}", "a\n\n\nb", "...", "\u2026" * 70, "1.2.3.4", "a.b.c", "-a-"),
    *("\u0430\u0440\u0440\u04cfe.com", "javascript:alert(1)", "tel:+1234"),
)  # fmt: skip


def alerts(rng: Random) -> Iterator[bytes]:
    """For each value an incident of Alertmanager's that is named after it."""
    for case, value in enumerate(VALUES):
        yield payload(alert(team="injection", case=f"{case}", region=value, title=rng.choice(VALUES)))


def events() -> Iterator[bytes]:
    """For each value an incident of PagerDuty's with that title, and the value as a note and a status update on it."""
    for number, value in enumerate(VALUES):
        id_ = f"Q{number}"
        of, incident = {"incident": {"id": id_}}, _incident(id_, "triggered", value)
        note = {"id": f"N{number}", "type": "incident_note", "content": f"PUBLIC: {value}"}
        update = {"id": f"U{number}", "type": "incident_status_update", "message": f"Now {value}"}
        yield _event("incident.triggered", f"{id_}-1", incident)
        yield _event("incident.annotated", f"{id_}-2", note | of)
        yield _event("incident.status_update_published", f"{id_}-3", update | of)


def ends() -> Iterator[bytes]:
    """The ends of those incidents."""
    for number, value in enumerate(VALUES):
        yield _event("incident.resolved", f"Q{number}-4", _incident(f"Q{number}", "resolved", value))


def _incident(id_: str, status: str, title: str) -> dict[str, Any]:
    said = {"service": {"summary": "shop"}, "teams": [{"summary": "pager"}]}
    return {"id": id_, "type": "incident", "status": status, "title": title, **said}


def _event(kind: str, id_: str, data: Mapping[str, Any]) -> bytes:
    return json.dumps({"event": {"id": id_, "event_type": kind, "occurred_at": iso(now_ms()), "data": data}}).encode()
