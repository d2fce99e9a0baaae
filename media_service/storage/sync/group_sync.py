"""One sync for all who wait for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull
from media_service.storage.sync.results import outcome

if TYPE_CHECKING:
    from collections.abc import Callable


class GroupSync:
    """Asks for a sync of one file or folder; those who come while it runs share the one that follows.

    Told by plain callbacks: a task for each sync, and a shield for each who waits, cost as much as all else about it.
    """

    def __init__(self, ask: Callable[[], asyncio.Future[bytes | int | None]]) -> None:
        self.failures = 0
        self._ask = ask
        self._asked: list[asyncio.Future[None]] = []
        self._served: list[asyncio.Future[None]] = []

    async def done(self) -> None:
        """Returns when a sync that began after the call has ended. Raises StorageFull, StorageError."""
        asking = asyncio.get_running_loop().create_future()
        self._asked.append(asking)
        if not self._served:
            self._begin()
        await asking

    def _begin(self) -> None:
        self._served, self._asked = self._asked, []
        self._ask().add_done_callback(self._ended)

    def _ended(self, sync: asyncio.Future[bytes | int | None]) -> None:
        trouble: StorageError | StorageFull | None = None
        try:
            outcome(sync)
        except (StorageError, StorageFull) as known:
            trouble = known
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
            self._begin()
