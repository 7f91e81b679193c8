from __future__ import annotations

import asyncio

from bridge.web.server import end


async def test_a_task_that_loses_a_cancel_is_canceled_again():
    """As happens to who waits for Redis at that moment, on Python 3.11."""
    started = asyncio.Event()

    async def forgetful() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def over() -> None:
        started.set()

    tasks = [asyncio.create_task(forgetful()), asyncio.create_task(over())]
    await started.wait()
    async with asyncio.timeout(60):
        await end(tasks)
    assert [task.cancelled() for task in tasks] == [True, False]
