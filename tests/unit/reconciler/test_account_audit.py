"""The watch over where the configured services lead: when it looks, what it says, and that it stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bridge.checkly.audit import FindingKind
from bridge.checkly.client import Client
from bridge.config.schema import Component, Config, Service
from bridge.reconciler import AccountAudit, account_audit
from bridge.telemetry import REGISTRY
from bridge.texts.render import DEFAULT_TEXTS

NOTHING = {trouble.value: 0 for trouble in FindingKind}
ORDERS = Component(page="platform", component="Orders")


def config(*components: Component) -> Config:
    services = {each.component: Service(name=each.component, in_v1=False, components=(each,)) for each in components}
    return Config(path="bridge.yaml", digest="", services=services, severity=(), routes=(), texts=DEFAULT_TEXTS)


@dataclass
class Account:
    """An account with one v3 page and its component Orders, and a configuration that names what it has."""

    current: Config = field(default_factory=lambda: config(ORDERS))
    asked: int = 0
    answer: Callable[[httpx.Request], httpx.Response] | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.looked.set()
        if self.answer is not None:
            return self.answer(request)
        name, id_ = ("Orders", "c") if request.url.path.endswith("/components") else ("Platform", "p")
        entry = {"id": id_, "name": name, "url": "platform", "displayOrder": 0}
        return httpx.Response(200, json={"length": 1, "entries": [entry]})

    async def looks(self) -> None:
        """Wait until something is asked of it (again)."""
        self.looked.clear()
        async with asyncio.timeout(60):
            await self.looked.wait()


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
async def watch(account: Account) -> AsyncIterator[AccountAudit]:
    transport = httpx.MockTransport(account)
    client = Client("https://checkly.example", "key", "id", timeout_ms=5_000, transport=transport)
    yield AccountAudit(client, account, jitter=lambda: 0.0)
    await client.close()


def wrong() -> dict[str, float]:
    """What the gauge says of each problem."""
    found = {trouble: REGISTRY.get_sample_value("bridge_audit_findings", {"kind": trouble}) for trouble in FindingKind}
    return {trouble.value: value for trouble, value in found.items() if value is not None}


async def look(watch: AccountAudit) -> list[Any]:
    with capture_logs() as lines:
        await watch.audit_once()
    return [(line["event"], line["log_level"], line.get("kind"), line["reason"]) for line in lines]


async def test_every_problem_is_said_and_counted_at_every_survey(account: Account, watch: AccountAudit) -> None:
    account.current = config(ORDERS, Component(page="platform", component="Order"), Component(page="x", component="y"))
    for _ in range(2):
        said = await look(watch)
        assert [each[:3] for each in said] == [("audit_finding", "error", "not_found")] * 2
        assert "did you mean 'Orders'?" in said[0][3]
        assert wrong() == {**NOTHING, "not_found": 2}


async def test_what_was_put_right_counts_no_more(account: Account, watch: AccountAudit) -> None:
    account.current = config(Component(page="platform", component="Order"))
    await look(watch)
    account.current = config(ORDERS)
    assert await look(watch) == []
    assert wrong() == NOTHING


async def test_an_account_that_cannot_be_read_is_said_and_changes_no_count(
    account: Account, watch: AccountAudit
) -> None:
    account.current = config(Component(page="platform", component="Order"))
    await look(watch)
    account.answer = lambda _: httpx.Response(401, json={"message": "Bad Token"})
    (refused, *_), (event, level, _, reason) = await look(watch)
    assert (event, level) == ("audit_failed", "warning")
    assert "Bad Token" in reason
    assert wrong()["not_found"] == 1
    assert refused == "checkly_unauthorized"
    assert [event for event, *_ in await look(watch)] == ["audit_failed"], "the key is said once"


async def test_even_a_defect_stops_nothing(watch: AccountAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(account_audit, "audit", broken)
    ((event, _, _, reason),) = await look(watch)
    assert (event, reason) == ("audit_failed", "KeyError: 'oops'")


async def test_it_looks_at_the_start_and_after_a_change(account: Account, watch: AccountAudit) -> None:
    watching = asyncio.create_task(watch.watch())
    await account.looks()
    account.current = config(Component(page="nowhere", component="Orders"))
    watch.audit_again(account.current)
    await account.looks()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_it_looks_again_after_a_day_or_soon_after_a_failure(
    account: Account, watch: AccountAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    outcomes = iter([200, 200, 500, 500, 200, 200])  # a problem is looked into once more

    async def no_change(waiting: Any, timeout: float) -> None:  # noqa: ASYNC109 - stands in for asyncio's
        waiting.close()
        waits.append(timeout)
        if len(waits) == 4:
            raise asyncio.CancelledError
        raise TimeoutError

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/components") and next(outcomes) == 500:
            return httpx.Response(500)
        return httpx.Response(200, json={"entries": []})

    account.answer = answer
    monkeypatch.setattr("bridge.reconciler.account_audit.asyncio.wait_for", no_change)
    with pytest.raises(asyncio.CancelledError):
        await watch.watch()
    assert waits == [86_400, 2.5, 5, 86_400]
