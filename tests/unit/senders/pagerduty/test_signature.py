from __future__ import annotations

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.senders.credentials import Verdict
from bridge.senders.pagerduty.signature import SigningSecrets

OLD, NEW = "bridge-test-secret-old", "bridge-test-secret-new"
PING = (
    b'{"event":{"id":"01TESTPING0000000000000001","event_type":"pagey.ping","resource_type":"pagey",'
    b'"occurred_at":"2026-01-02T03:04:05.678Z","agent":null,"client":null,"data":{"message":"hello","type":"ping"}}}'
)
NOTE = (
    '{"event":{"id":"01TESTUNI00000000000000002","event_type":"incident.annotated","resource_type":"incident",'
    '"occurred_at":"2026-01-02T03:04:06.000Z","agent":null,"client":null,"data":{"id":"PNOTE01","type":"incident_note",'
    '"content":"Überlastung \u2013 復旧中 🔥","trimmed":false,"incident":{"id":"PINC001","type":"incident_reference",'
    '"summary":"Überlastung"}}}}'
).encode()
SIGNED = {
    (OLD, PING): "d9bed5cd27decbe9bab91b09298727ee9085f2fa7ef02bcfff01932a2a541c66",
    (NEW, PING): "efa076f70941990e30a959bac1e160cc31b3540b866d1f27c4b135279256a632",
    (OLD, NOTE): "417c910044bd94b2073ccfadf63860c9e7c7014654f2e589d5c9d59ab4c1e34b",
    (NEW, NOTE): "d53e73b8f2d860146f358158a6146668ce017c1b108015cbeb0719e27fe79219",
}
GOOD = f"v1={SIGNED[NEW, PING]}".encode()
BAD = b"v1=" + b"0" * 64


def is_accepted(*headers: bytes, secrets=(NEW,), body=PING) -> bool:
    return SigningSecrets(secrets).check(body, headers) is Verdict.OK


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), (OLD, NEW), (NEW, OLD)])
@pytest.mark.parametrize(("signer", "body"), SIGNED)
def test_any_of_the_secrets_may_have_signed(secrets, signer, body):
    header = f"v1={SIGNED[signer, body]}".encode()
    assert is_accepted(header, secrets=secrets, body=body) is (signer in secrets)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([GOOD], id="alone"),
        pytest.param([BAD + b"," + GOOD], id="second"),
        pytest.param([GOOD + b"," + BAD], id="first"),
        pytest.param([b"v1=bad," + GOOD], id="after one that is no hexadecimal"),
        pytest.param([b"v2=" + b"0" * 64 + b"," + GOOD], id="beside another version"),
        pytest.param([b"v1=\xff\xfe," + GOOD], id="beside bytes that are no ASCII"),
        pytest.param([BAD + b", " + GOOD], id="space after the comma"),
        pytest.param([b"  " + GOOD + b"\t"], id="space around"),
        pytest.param([b",," + GOOD + b","], id="empty entries"),
        pytest.param([b"v1=" + GOOD[3:].upper()], id="upper case"),
        pytest.param([BAD, GOOD], id="in the second of two headers"),
        pytest.param([GOOD, BAD], id="in the first of two headers"),
    ],
)
def test_one_good_signature_is_enough(headers):
    assert is_accepted(*headers)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([b""], id="empty"),
        pytest.param([b","], id="comma"),
        pytest.param([b"v1="], id="empty signature"),
        pytest.param([BAD], id="wrong"),
        pytest.param([BAD, BAD + b"," + BAD], id="wrong, several"),
        pytest.param([GOOD[:-1]], id="odd length"),
        pytest.param([GOOD[:-2]], id="too short"),
        pytest.param([GOOD + b"00"], id="too long"),
        pytest.param([b"v1=" + b"g" * 64], id="no hexadecimal"),
        pytest.param(["v1=Überlastung".encode()], id="no ASCII"),
        pytest.param([b"v2=" + GOOD[3:]], id="another version"),
        pytest.param([b"V1=" + GOOD[3:]], id="a version in upper case"),
        pytest.param([GOOD[3:]], id="no version"),
        pytest.param([b"v1 =" + GOOD[3:]], id="space in the version"),
        pytest.param([b"v1=" + GOOD[3:35] + b" " + GOOD[35:]], id="space within"),
        pytest.param([GOOD.replace(b",", b";") + b";" + GOOD], id="semicolon"),
    ],
)
def test_a_delivery_without_a_good_signature_is_refused(headers):
    assert not is_accepted(*headers)


def test_the_bytes_are_signed_not_what_they_mean():
    assert is_accepted(GOOD)
    assert not is_accepted(GOOD, body=json.dumps(json.loads(PING)).encode())
    assert not is_accepted(GOOD, body=PING + b"\n")
    assert not is_accepted(GOOD, body=b"")


def test_an_empty_body_can_be_signed():
    assert is_accepted(b"v1=" + hmac.new(NEW.encode(), b"", "sha256").hexdigest().encode(), body=b"")


def test_the_secrets_text_is_the_key_although_it_looks_like_base64():
    secret = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
    header = b"v1=" + hmac.new(secret.encode(), PING, "sha256").hexdigest().encode()
    assert is_accepted(header, secrets=(secret,))


@pytest.mark.parametrize("secrets", [(), ("",), (" ", "\n")])
def test_without_a_secret_nothing_is_judged(secrets):
    empty = SigningSecrets(secrets)
    header = b"v1=" + hmac.new(b"", PING, "sha256").hexdigest().encode()
    assert empty.check(PING, [header]) is Verdict.NONE_CONFIGURED
    assert not empty


def test_space_around_a_secret_is_no_part_of_it():
    assert is_accepted(GOOD, secrets=(f" {NEW}\n",))


def test_secrets_are_not_shown():
    assert repr(SigningSecrets([OLD, NEW])) == "SigningSecrets(2)"


@given(st.lists(st.binary(max_size=80)), st.binary())
def test_no_header_makes_it_fail(headers, body):
    assert not is_accepted(*headers, body=body)
