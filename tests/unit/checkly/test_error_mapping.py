import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.checkly import error_mapping
from bridge.checkly.errors import Gone, RateLimited, Rejected, Unauthorized, UnknownOutcome

DATE = "Tue, 20 Oct 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"statusCode":422,"error":"Unprocessable Entity","message":"name is too long"}', "name is too long"),
        (b'{"statusCode":403,"error":"Forbidden"}', "Forbidden"),
        (b'{"statusCode":401,"error":"Unauthorized","message":"Bad Token","attributes":{"a":1}}', "Bad Token"),
        (b'{"error":"Not Found"}', "Not Found"),
        (b'{"message":"limit reached","errorCode":"PLAN"}', "limit reached (PLAN)"),
        (b'{"message":"","error":"Bad Request"}', "Bad Request"),
        (b'{"message":{"deep":[1]}}', ""),
        (b'"quoted string"', "quoted string"),
        (b"plain string\nin two lines\x00\x1b[31m", "plain string in two lines [31m"),
        (b"<!DOCTYPE html><html><title>502 &amp; gone</title><body>long</body></html>", "502 & gone"),
        (b"<html><body>no title</body></html>", "an HTML page"),
        (b"", ""),
        (b"[1, 2]", ""),
        (b"null", ""),
        (b"[" * 100_000, "[" * 100_000),
        (b"caf\xe9", "caf\ufffd"),
    ],
)
def test_every_known_shape_of_an_error_body_says_its_reason(body: bytes, reason: str) -> None:
    assert error_mapping.reason(body) == reason


@given(
    st.one_of(
        st.binary(),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()),
        st.dictionaries(st.sampled_from(["message", "error", "errorCode"]), st.text() | st.none() | st.integers()).map(
            lambda x: json.dumps(x).encode()
        ),
    )
)
def test_no_body_is_too_strange_and_none_yields_a_line_break(body: bytes) -> None:
    said = error_mapping.reason(body)
    assert said.isprintable()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Unauthorized) for status in (401, 402, 403)),
        *((status, Gone) for status in (404, 410)),
        *((status, UnknownOutcome) for status in (408, 409, 500, 502, 503, 504, 520, 599)),
        *((status, Rejected) for status in (301, 302, 304, 307, 308, 400, 405, 406, 413, 415, 418, 422, 451)),
        (429, RateLimited),
    ],
)
def test_the_status_decides_the_class(status: int, kind: type[Exception]) -> None:
    error = error_mapping.error(status, "detail", {}, json.dumps({"statusCode": status, "error": "x"}).encode())
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Not Found",
        b"<html><title>404</title></html>",
        b'"Not Found"',
        b"[]",
        b'{"message":"no Route matched with those values"}',
        b'{"error":"Not Found"}',
        b'{"statusCode":404}',
        b'{"statusCode":410,"error":"Gone"}',
    ],
)
def test_a_404_in_other_words_than_checklys_proves_nothing(body: bytes) -> None:
    assert type(error_mapping.error(404, "detail", {}, body)) is UnknownOutcome


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 7 "}, 7_000),
        ({"retry-after": "9" * 5_000}, 600_000),
        ({"retry-after": "601"}, 600_000),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 20 Oct 2026 10:00:30 GMT", "date": DATE}, 30_000),
        ({"retry-after": "Tue, 20 Oct 2026 09:59:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 09:59:00 GMT", "date": DATE}, 600_000),
        ({"retry-after": "Tue, 20 Oct 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Tue, 20 Oct 2026 10:00:30", "date": DATE}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], wait_ms: int | None) -> None:
    assert error_mapping.retry_after_ms(headers) == wait_ms


def test_secrets_and_what_we_sent_are_struck_out() -> None:
    request = {"name": "Checkout is down", "incidentUpdates": [{"description": "We are\n looking"}], "ok": True}
    text = 'key sk-1 is bad; "Checkout is down" / We are looking'
    assert error_mapping.redact(text, ("sk-1", ""), request) == 'key […] is bad; "[…]" / […]'


def test_the_longer_of_two_texts_goes_first() -> None:
    assert error_mapping.redact("Checkout is down", (), {"a": "Checkout", "b": "Checkout is down"}) == "[…]"
