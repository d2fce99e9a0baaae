"""One fdatasync for all tasks that wait for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull
from media_service.storage.sync.results import result_of

if TYPE_CHECKING:
    from collections.abc import Callable


class GroupSync:
    """Request syncs of one file or folder. Tasks that arrive while one runs share the next one."""

    # Callbacks: an asyncio task for each sync and a shield for each waiting task doubled the cost.

    def __init__(self, request_sync: Callable[[], asyncio.Future[bytes | int | None]]) -> None:
        self.failures = 0
        self._request_sync = request_sync
        self._next: list[asyncio.Future[None]] = []
        self._current: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Return after a sync that began after this call. Raise StorageFull, StorageError."""
        waiter = asyncio.get_running_loop().create_future()
        self._next.append(waiter)
        if not self._current:
            self._start()
        await waiter

    def _start(self) -> None:
        self._current, self._next = self._next, []
        self._request_sync().add_done_callback(self._finish)

    def _finish(self, sync: asyncio.Future[bytes | int | None]) -> None:
        error: StorageError | StorageFull | None = None
        try:
            result_of(sync)
        except (StorageError, StorageFull) as storage_error:
            error = storage_error
        self.failures += error is not None
        for waiter in self._current:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
        self._current = []
        if self._next:
            self._start()
