"""What a line of the log looks like, whatever is in it."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from bridge.telemetry import THROTTLE_S, Event, configure_logging, log, log_lines
from bridge.telemetry.log_lines import FIELD_CHARS, Throttled


class Stream(io.StringIO):
    """Lines as a log output takes them."""

    def writeline(self, line: str) -> None:
        self.write(line + "\n")


@pytest.fixture
def stream(monkeypatch):
    """Where the log goes; afterwards it is as it was."""
    monkeypatch.setattr(log_lines, "_log", structlog.get_logger())
    monkeypatch.setattr(log_lines, "_threshold", log_lines._threshold)  # noqa: SLF001 - there is one log for the process
    yield Stream()
    structlog.reset_defaults()


def lines(stream: Stream) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_event_level_and_time(stream):
    configure_logging(level="INFO", form="json", write=stream.writeline)
    log(Event.STARTED, version="1", url="http://[::]:8080")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")  # type: ignore[attr-defined] # it is a text
    assert line == {"event": "started", "level": "info", "version": "1", "url": "http://[::]:8080"}


@pytest.mark.parametrize("value", ["grün\u2028\n\0", "\udcff", 1 << 70, {1, 2}, ValueError("x"), None, 1.5])
def test_whatever_a_field_holds_it_is_one_line_of_json(stream, value):
    configure_logging(form="json", write=stream.writeline)
    log(Event.RECONCILE_FAILED, reason=value)
    (line,) = lines(stream)
    assert stream.getvalue().isascii()
    if isinstance(value, str | int | float | None):
        assert line["reason"] == value


def test_a_trace_is_part_of_its_line(stream):
    configure_logging(form="json", write=stream.writeline)
    log(Event.RECONCILE_FAILED, exc_info=OSError("full"))
    (line,) = lines(stream)
    assert "OSError: full" in str(line["exception"])


def test_a_long_field_is_cut(stream):
    configure_logging(form="json", write=stream.writeline)
    log(Event.PHASE_CHANGED, incident="x" * (4 << 20), phase="RESOLVED")
    (line,) = lines(stream)
    assert line["incident"] == "x" * (FIELD_CHARS - 1) + "…"
    assert line["phase"] == "RESOLVED"


def test_what_is_below_the_level_is_not_written(stream):
    configure_logging(level="warning", form="json", write=stream.writeline)
    log(Event.STARTED)
    log(Event.DELIVERY_REJECTED)
    assert [line["event"] for line in lines(stream)] == ["delivery_rejected"]


def test_a_person_reads_text(stream):
    configure_logging(form="text", write=stream.writeline)
    log(Event.STARTED, version="1")
    assert "started" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("injected", ["\x1b[2J", "\x9b2J", "a\nb", "\u202eb", "a\u200bb"])
def test_what_a_person_reads_steers_no_terminal(stream, injected):
    configure_logging(form="text", write=stream.writeline)
    log(Event.RECONCILE_FAILED, incident=injected, exc_info=ValueError(injected))
    shown = stream.getvalue()
    assert json.dumps(injected)[1:-1] in shown.partition("\n")[0].replace("\\\\", "\\")
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_what_comes_in_floods_is_said_once_a_minute_with_how_many_there_were(stream):
    configure_logging(form="json", write=stream.writeline)
    log_throttled = Throttled()
    for now in (0.0, 1.0, THROTTLE_S - 1, THROTTLE_S, THROTTLE_S + 1):
        log_throttled(Event.FIELD_UNREADABLE, 2, now=now, field="a")
    log_throttled(Event.FIELD_UNREADABLE, now=1.0, field="b")
    assert [(line["field"], line["count"]) for line in lines(stream)] == [("a", 2), ("a", 6), ("b", 1)]


def test_what_comes_after_the_end_of_an_outage_is_news(stream):
    configure_logging(form="json", write=stream.writeline)
    log_throttled = Throttled()
    for now in (0.0, 1.0, 2.0):
        log_throttled(Event.STORE_UNAVAILABLE, now=now, reason="gone")
    log_throttled(Event.FIELD_UNREADABLE, now=1.0, field="a")
    assert log_throttled.recovered(Event.STORE_UNAVAILABLE) == 2
    log_throttled(Event.STORE_UNAVAILABLE, now=3.0, reason="gone")
    log_throttled(Event.FIELD_UNREADABLE, now=3.0, field="a")
    assert [(line["event"], line["count"]) for line in lines(stream)] == [
        ("store_unavailable", 1),
        ("field_unreadable", 1),
        ("store_unavailable", 1),
    ]
