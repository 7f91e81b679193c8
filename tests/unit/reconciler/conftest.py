from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.model import V1_PAGE, v3_page
from tests.unit.reconciler.page_harness import PageHarness


@pytest.fixture(params=[V1_PAGE, v3_page("status")])
def generation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test is told of a page of each generation."""
    name: str = request.param
    monkeypatch.setattr(PageHarness, "page_name", name)
    return name


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """The log events of the test, instead of lines on the terminal."""
    with capture_logs() as events:
        yield events
