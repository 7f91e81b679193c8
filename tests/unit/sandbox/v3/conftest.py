from __future__ import annotations

import httpx
import pytest

from tests.unit.sandbox.helpers import check_request, check_response


@pytest.fixture
def checked(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """``api``, with every request and response held against Checkly's OpenAPI document."""
    api.event_hooks = {"request": [check_request], "response": [check_response]}
    return api
