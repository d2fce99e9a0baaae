"""Limit the memory that all requests together use for covers while these are received, checked and stored."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import CoversBusy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COVER_MEMORY_BYTES = 32 * 1024 * 1024
MAX_WAITING = 16  # requests; the bytes they have sent so far are in memory too


class MemoryBudget:
    """Share `size` bytes between requests. Waiting requests are served in order of arrival."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting = 0
        self._queue = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def reserve(self, size: int, seconds: float = 0) -> AsyncIterator[None]:
        """Reserve `size` bytes until exit. Raise CoversBusy if they are not free within `seconds`."""
        await self._acquire(size, seconds)
        try:
            yield
        finally:
            self._free += size
            self._released.set()

    async def _acquire(self, size: int, seconds: float) -> None:
        if size <= self._free and not self._waiting:
            self._free -= size
            return
        if not seconds or self._waiting >= MAX_WAITING:
            raise CoversBusy
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds), self._queue:
                while size > self._free:
                    self._released.clear()
                    await self._released.wait()
                self._free -= size
        except TimeoutError:
            raise CoversBusy from None
        finally:
            self._waiting -= 1
