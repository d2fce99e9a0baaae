"""One sync for all who wait for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from media_service.core.errors import StorageFull, StorageTrouble
from media_service.storage.border import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")


class GroupSync:
    """Runs `act`, a sync of one file or folder, in a thread; those who ask while it runs share the run that follows."""

    def __init__(self, act: Callable[[], None], threads: Executor) -> None:
        self.failures = 0
        self._act = act
        self._threads = threads
        self._asked: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def done(self) -> None:
        """Returns when a sync that began after the call has ended. Raises StorageFull, StorageTrouble."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            if self._running is None or self._running.done():
                self._running = asyncio.create_task(self._run())
        await asyncio.shield(self._asked)

    async def _run(self) -> None:
        while (asked := self._asked) is not None:
            self._asked = None
            try:
                with disk_errors():
                    await in_thread(self._threads, self._act)
            except (StorageTrouble, StorageFull) as trouble:
                self.failures += 1
                asked.set_exception(trouble)
            else:
                asked.set_result(None)


async def in_thread(threads: Executor, act: Callable[..., T], *given: object) -> T:
    """What `act` returns. It is waited for even when the caller is cancelled: it works with a descriptor of his."""
    running = asyncio.get_running_loop().run_in_executor(threads, act, *given)
    try:
        return await asyncio.shield(running)
    finally:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
