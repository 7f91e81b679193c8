"""Reading the ``senders`` section: the names in webhook paths, and which of them have credentials of their own."""

from __future__ import annotations

import re
from typing import Final

from bridge.config.senders import OTHER_SENDER, NamedSender, Senders
from bridge.config.settings import keys_of, read_keys
from bridge.config.yaml_node import Value, read

SENDER_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
SENDER_NAME_WORDS: Final = "1 to 64 letters, digits, - and _"

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DEFAULT_VARIABLES = {"alertmanager": "ALERTMANAGER_TOKENS", "pagerduty": "PAGERDUTY_SIGNING_SECRETS"}
TAKEN = frozenset(
    {
        "ADMIN_TOKENS",
        "CHECKLY_ACCOUNT_ID",
        "CHECKLY_API_KEY",
        "CHECKLY_API_URL",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "OPERATOR_TOKENS",
        "PAGERDUTY_API_URL",
        "REDIS_NAMESPACE",
        "REDIS_URL",
    }
)


def read_senders(value: Value) -> Senders:
    """The section: by source, the senders that are listed."""
    fields = value.fields((*DEFAULT_VARIABLES, *keys_of(Senders)))
    listed = {source: _read_listed(fields[source], source) for source in DEFAULT_VARIABLES if source in fields}
    return read_keys(fields, Senders(listed=listed))


def _read_listed(value: Value, source: str) -> dict[str, NamedSender]:
    entries = value.entries("a mapping from the senders' names to their settings")
    return {name: _read_sender(name, entry, source) for name, entry in entries.items()}


def _read_sender(name: str, value: Value, source: str) -> NamedSender:
    if not SENDER_NAME.fullmatch(name):
        value.problem(f'"{name}" is no name for a sender', expected=SENDER_NAME_WORDS)
    elif name == OTHER_SENDER:
        value.problem(f'metrics use "{OTHER_SENDER}" for senders that are not listed', expected="another name")
    fields = value.fields(("credentials",))
    return NamedSender(credentials=read(fields, "credentials", lambda each: _read_variable(each, source), None))


def _read_variable(value: Value, source: str) -> str | None:
    expected = "the name of an environment variable that holds them, such as EU_TOKENS"
    name = value.text(expected)
    if name is None:
        return None
    if not VARIABLE.fullmatch(name):
        value.problem("not the name of an environment variable", expected=expected)  # it may be a secret: unsaid
    elif name.endswith("_FILE"):
        value.problem(f"{name} would name a file", expected=f"{name.removesuffix('_FILE')}, which is looked for there")
    elif name == DEFAULT_VARIABLES[source]:
        value.problem(f"{name} holds the credentials of senders that have none of their own", expected="another name")
    elif name in TAKEN or name in DEFAULT_VARIABLES.values():
        value.problem(f"{name} is there for something else", expected=expected)
    else:
        return name
    return None
