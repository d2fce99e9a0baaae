"""Tasks that run to their end even if the request that began them is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from media_service.core.errors.service import ShuttingDown

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class TaskTracker:
    """The running tasks: the event loop has only weak references to them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def check_open(self) -> None:
        """Raise ShuttingDown after `close`."""
        if self._closed:
            raise ShuttingDown

    def begin(self, step: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start the step as a task. Callers shield it, so that their cancellation does not cancel it."""
        task = asyncio.create_task(step)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Refuse new steps, and return when none is running."""
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Mark the error as retrieved: the request that would have awaited it may be gone.
            task.exception()
