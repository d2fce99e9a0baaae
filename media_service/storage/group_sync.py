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
    """Runs `act`, a sync of one file or folder, in a thread; those who ask while it runs share the run that follows.

    Told by plain callbacks: a task for each sync, and a shield for each who waits, cost as much as all else about it.
    """

    def __init__(self, act: Callable[[], None], threads: Executor) -> None:
        self.failures = 0
        self._act = act
        self._threads = threads
        self._asked: list[asyncio.Future[None]] = []
        self._served: list[asyncio.Future[None]] = []

    async def done(self) -> None:
        """Returns when a sync that began after the call has ended. Raises StorageFull, StorageTrouble."""
        loop = asyncio.get_running_loop()
        asking = loop.create_future()
        self._asked.append(asking)
        if not self._served:
            self._begin(loop)
        await asking

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._served, self._asked = self._asked, []
        self._threads.submit(self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread."""
        trouble: StorageTrouble | StorageFull | None = None
        try:
            with disk_errors():
                self._act()
        except (StorageTrouble, StorageFull) as known:
            trouble = known
        except OSError as error:
            # Whatever it was, those who wait must hear of it.
            trouble = StorageTrouble()
            trouble.__cause__ = error
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._ended, loop, trouble)

    def _ended(self, loop: asyncio.AbstractEventLoop, trouble: StorageTrouble | StorageFull | None) -> None:
        self.failures += trouble is not None
        for asking in self._served:
            if asking.done():
                continue
            if trouble is None:
                asking.set_result(None)
            else:
                asking.set_exception(trouble)
        self._served = []
        if self._asked:
            self._begin(loop)


async def in_thread(threads: Executor, act: Callable[..., T], *given: object) -> T:
    """What `act` returns. It is waited for even when the caller is cancelled: it works with a descriptor of his."""
    running = asyncio.get_running_loop().run_in_executor(threads, act, *given)
    try:
        return await asyncio.shield(running)
    finally:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
