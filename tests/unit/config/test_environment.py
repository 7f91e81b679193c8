from __future__ import annotations

import pytest

from bridge.config.environment import CHECKLY_API_URL, OperatorToken, Secret, Settings, SettingsError


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"CHECKLY_API_KEY": "", "REDIS_URL": " ", "ADMIN_TOKENS_FILE": ""}) == Settings()


def test_every_variable_is_read():
    settings = Settings.from_environment(
        {
            "CHECKLY_API_KEY": "cu_key",
            "CHECKLY_ACCOUNT_ID": "c0ffee00-0000-4000-8000-000000000001",
            "CHECKLY_API_URL": "http://127.0.0.1:9999/",
            "REDIS_URL": "rediss://:pw@redis.internal:6380/1",
            "REDIS_NAMESPACE": "eu-1",
            "ALERTMANAGER_TOKENS": "one, two,,user:password",
            "PAGERDUTY_SIGNING_SECRETS": "sig",
            "ADMIN_TOKENS": "admin",
            "OPERATOR_TOKENS": "alice:new, alice:old,bob@night-1:s/e+c=ret\n",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": "json",
        }
    )
    assert settings == Settings(
        checkly_api_key=Secret("cu_key"),
        checkly_account_id="c0ffee00-0000-4000-8000-000000000001",
        checkly_api_url="http://127.0.0.1:9999",
        redis_url=Secret("rediss://:pw@redis.internal:6380/1"),
        redis_namespace="eu-1",
        alertmanager_tokens=(Secret("one"), Secret("two"), Secret("user:password")),
        pagerduty_signing_secrets=(Secret("sig"),),
        admin_tokens=(Secret("admin"),),
        operator_tokens=(
            OperatorToken("alice", Secret("new")),
            OperatorToken("alice", Secret("old")),
            OperatorToken("bob@night-1", Secret("s/e+c=ret")),
        ),
        log_level="debug",
        log_format="json",
    )


def test_a_file_gives_the_value_without_its_line_break(tmp_path):
    key, tokens = tmp_path / "key", tmp_path / "tokens"
    key.write_text("cu_from_file\n")
    tokens.write_text("one\ntwo,three\n")
    settings = Settings.from_environment({"CHECKLY_API_KEY_FILE": str(key), "ALERTMANAGER_TOKENS_FILE": str(tokens)})
    assert settings.checkly_api_key == Secret("cu_from_file")
    assert settings.alertmanager_tokens == (Secret("one"), Secret("two"), Secret("three"))


def test_a_variable_and_its_file_together_are_refused(tmp_path):
    assert problems({"ADMIN_TOKENS": "a", "ADMIN_TOKENS_FILE": str(tmp_path / "x")}) == (
        "ADMIN_TOKENS and ADMIN_TOKENS_FILE are both set: keep one of them.",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert problems({"REDIS_URL_FILE": "/nowhere/url", "ADMIN_TOKENS_FILE": str(binary)}) == (
        "REDIS_URL_FILE: cannot read /nowhere/url: No such file or directory.",
        f"ADMIN_TOKENS_FILE: cannot read {binary}: it is not UTF-8 text.",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.1.2.3",
        "http://[::1]:80",
        "http://sandbox:8081",
        "https://proxy.corp/checkly",
    ],
)
def test_an_api_url_that_keeps_the_key_safe_is_taken(url):
    assert Settings.from_environment({"CHECKLY_API_URL": url}).checkly_api_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://api.checklyhq.com", "must begin with https://"),
        ("http://localhost.evil.example", "must begin with https://"),
        ("http://10.0.0.1", "must begin with https://"),
        ("api.checklyhq.com", f"must look like {CHECKLY_API_URL}"),
        ("https://", "must look like"),
        ("https://user:hunter2@api.checklyhq.com", "must look like"),
        ("https://api.checklyhq.com?x=hunter2", "must look like"),
        ("https://api.checklyhq.com:port", "must look like"),
    ],
)
def test_an_api_url_that_does_not_is_refused_without_being_shown(url, problem):
    (message,) = problems({"CHECKLY_API_URL": url})
    assert message.startswith(f"CHECKLY_API_URL {problem}")
    assert "hunter2" not in message


def test_a_wrong_redis_url_is_refused_without_being_shown():
    assert problems({"REDIS_URL": "redis://:hunter2@h/main?db=hunter2"}) == (
        "REDIS_URL must end with the number of a database, such as /0.",
        "REDIS_URL has a wrong value for the parameter db.",
    )


def test_a_key_that_no_header_can_carry_is_refused():
    (message,) = problems({"CHECKLY_API_KEY": "cu_hunter2\nX-Injected: 1"})
    assert message.startswith("CHECKLY_API_KEY must be printable ASCII")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("value", "entry", "problem"),
    [
        ("hunter2", 1, "must be name:secret, the secret printable"),
        (":hunter2", 1, "must be name:secret, the name 1 to 64"),
        ("a b:hunter2", 1, "must be name:secret, the name 1 to 64"),
        ("-a:hunter2", 1, "must be name:secret, the name 1 to 64"),
        (f"{'a' * 65}:hunter2", 1, "must be name:secret, the name 1 to 64"),
        ("älice:hunter2", 1, "must be name:secret, the name 1 to 64"),
        ("ok:fine,alice:", 2, "must be name:secret, the secret printable"),
        ("ok:fine\nalice:hunter2 hunter2", 2, "must be name:secret, the secret printable"),
        ("alice:hunter2:hunter2", 1, "must be name:secret, the secret printable"),
        ("alice:hunter2,bob:hunter2", 2, "has the secret of another operator"),
        ("alice:admin-hunter2", 1, "has a secret of ADMIN_TOKENS"),
        ("alice:pair-hunter2", 1, "has a secret of ADMIN_TOKENS"),
        ("alice:sender-hunter2", 1, "has a secret of ALERTMANAGER_TOKENS"),
    ],
)
def test_an_operator_without_a_name_or_a_secret_of_their_own_is_refused_without_being_shown(value, entry, problem):
    environment = {
        "OPERATOR_TOKENS": value,
        "ADMIN_TOKENS": "admin-hunter2,user:pair-hunter2",
        "ALERTMANAGER_TOKENS": "sender-hunter2",
    }
    (message,) = problems(environment)
    assert message.startswith(f"OPERATOR_TOKENS: entry {entry} {problem}")
    assert "hunter2" not in message


def test_operators_may_stand_in_a_file(tmp_path):
    path = tmp_path / "operators"
    path.write_text("alice:one\nbob:two\nalice:one\n")
    found = Settings.from_environment({"OPERATOR_TOKENS_FILE": str(path)}).operator_tokens
    assert {(token.name, token.secret.reveal()) for token in found} == {("alice", "one"), ("bob", "two")}
    assert "one" not in repr(found)


def test_every_problem_is_reported_at_once():
    found = problems({"LOG_LEVEL": "loud", "LOG_FORMAT": "xml", "REDIS_URL": "x", "CHECKLY_API_KEY": "a b"})
    assert [message.split()[0] for message in found] == ["CHECKLY_API_KEY", "REDIS_URL", "LOG_LEVEL", "LOG_FORMAT"]


def test_no_secret_is_shown():
    settings = Settings.from_environment({
        "CHECKLY_API_KEY": "hunter2", "REDIS_URL": "redis://:hunter2@h", "ADMIN_TOKENS": "hunter2",
        "ALERTMANAGER_TOKENS": "hunter2", "PAGERDUTY_SIGNING_SECRETS": "hunter2",
    })  # fmt: skip
    assert "hunter2" not in f"{settings!r} {settings} {settings.checkly_api_key} {settings.admin_tokens}"


@pytest.mark.parametrize(
    "url", ["https://a b", "https://a\nb", "https://ä.example", "https://a:0", "https://[::1", "x"]
)
def test_an_api_address_that_nobody_can_connect_to_is_named(url):
    with pytest.raises(SettingsError, match=r"^CHECKLY_API_URL must look like"):
        Settings.from_environment({"CHECKLY_API_URL": url})


@pytest.mark.parametrize("value", ["a}b", "a b", "ü", "a_b", "x" * 65, "{}"])
def test_a_namespace_is_a_word(value):
    assert problems({"REDIS_NAMESPACE": value}) == (
        "REDIS_NAMESPACE must be 1 to 64 letters (A to Z), digits and hyphens, such as eu-1.",
    )
