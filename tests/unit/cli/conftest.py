from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bridge.cli import main
from tests.servers import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
version: 1
services:
  checkout: {name: Checkout, shared: true}
  payments: Payments
severity:
  - {match: severity = critical, is: CRITICAL}
  - {is: MINOR}
public_labels: [region]
checkly: {notify: [open]}
routes:
  - {name: test-systems, match: env = test, ignore: true}
  - {name: alive, match: alertname = Watchdog, watchdog: true}
  - {name: shop, match: region != "", services: [checkout], group_by: [region], publish_after: 90s}
  - {name: labelled, services: {label: status_page}}
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Runs ``bridge`` with arguments; exit code and what it printed."""

    def run_(*arguments: str | Path) -> Result:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run_


@pytest.fixture
def unlogged(monkeypatch):
    """``bridge serve`` in the test's own process, whose standard error is no descriptor: it logs nothing."""
    monkeypatch.setattr("bridge.cli.serve.start_log", lambda **_: SimpleNamespace(flush=lambda **_: True))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A simulator whose account fits ``CONFIG``, but that nobody sees Payments; it also has a v3 page."""
    account = tmp_path_factory.mktemp("account") / "account.yaml"
    account.write_text("""\
name: Acme
services: [Checkout, Payments, "Yes", "Ümlaut: API"]
pages:
  - {name: Public, url: public, cards: [{name: Shop, services: [Checkout]}]}
  - {name: Internal, url: internal, private: true, cards: [{name: Shop, services: [Checkout]}]}
  - {name: Platform, url: platform, components: [Checkout, {name: API, components: [Orders]}]}
""")
    with Sandbox(tmp_path_factory.mktemp("sandbox"), account=account) as server:
        yield server


@pytest.fixture
def environment(monkeypatch, sandbox):
    """The environment of a command that talks to the simulator."""
    monkeypatch.setenv("CHECKLY_API_URL", sandbox.url)
    monkeypatch.setenv("CHECKLY_API_KEY", "sandbox")
    monkeypatch.setenv("CHECKLY_ACCOUNT_ID", sandbox.account_id)
    return monkeypatch
