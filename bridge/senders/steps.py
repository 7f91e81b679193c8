"""Long work in steps: a generator yields where others may have their turn, and returns its result."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


async def run_in_steps(work: Generator[None, None, Result]) -> Result:
    """Do it, and let whatever else the loop has to do come between its steps."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: Result = done.value
            return result
        await asyncio.sleep(0)


def run_at_once(work: Generator[None, None, Result]) -> Result:
    """Do it without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: Result = done.value
            return result
