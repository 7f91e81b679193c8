from __future__ import annotations

import base64
import hmac

import pytest

from bridge.senders.credentials import Credentials, Verdict


def basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())


ACCEPTED = Credentials(["first-token", " second-tökén ", "user:pass:word"])


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer first-token",
        b"bearer  first-token ",
        "Bearer second-tökén".encode(),
        basic("user:pass:word"),
        basic("anyone:first-token"),
        basic(":second-tökén"),
    ],
)
def test_a_known_bearer_or_basic_credential_is_accepted(header):
    assert ACCEPTED.check(header) is Verdict.OK


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"first-token",
        b"Token first-token",
        b"Bearer first-toke",
        b"Bearer first-token2",
        b"Bearer user:pass:word",
        b"Bearer pass:word",
        basic("user:pass"),
        basic("other:pass:word"),
        basic("first-token:"),
        basic("first-token"),
        b"Basic !!!",
        b"Basic \xff\xfe",
        b"Basic",
    ],
)
def test_any_other_credential_is_refused(header):
    assert ACCEPTED.check(header) is Verdict.MISSING_OR_WRONG


@pytest.mark.parametrize("entries", [[], [""], [" ", ""], [":"], ["user:"]])
@pytest.mark.parametrize("header", [None, b"Bearer ", b"Bearer x", basic(":"), basic("user:")])
def test_blank_entries_open_nothing(entries, header):
    assert Credentials(entries).check(header) is Verdict.NONE_CONFIGURED


def test_every_entry_is_compared_whichever_matches(monkeypatch):
    compared = []
    original = hmac.compare_digest

    def compare(one, other):
        compared.append(other)
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    credentials = Credentials(["a", "b", "c", "u:p", "v:q"])
    for header, expected in [(b"Bearer a", 3), (b"Bearer z", 3), (basic("u:p"), 5), (basic("x:b"), 5), (b"Basic !", 5)]:
        compared.clear()
        credentials.check(header)
        assert len(compared) == expected, header


def test_secrets_are_not_shown():
    shown = repr(ACCEPTED) + repr([getattr(ACCEPTED, slot) for slot in ACCEPTED.__slots__])
    assert not any(secret in shown for secret in ("first", "second", "user", "pass"))
