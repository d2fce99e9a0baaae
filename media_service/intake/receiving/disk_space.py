"""Admit bytes to the disk so that `disk_reserve` stays free and no upload starves the others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageFull
from media_service.core.reservation import reservation_end

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import SliceWriter, UploadStore
    from media_service.intake.receiving.active_uploads import ActiveUpload
    from media_service.intake.receiving.address_usage import AddressUsage
    from media_service.intake.receiving.storage_quotas import StorageQuotas

RECHECK_SECONDS = 1.0
"""Seconds for which a measured free space is used; bytes that this process admitted since are subtracted."""


class DiskSpace:
    """Admits bytes to the disk. `disk_reserve` in bytes."""

    def __init__(self, store: UploadStore, usage: AddressUsage, quotas: StorageQuotas, disk_reserve: int) -> None:
        self._store = store
        self._usage = usage
        self._quotas = quotas
        self._disk_reserve = disk_reserve
        self._left = 0
        self._looked_at = float("-inf")
        self._reserving = asyncio.Lock()

    async def spare(self) -> int:
        """Measure and return the free bytes above `disk_reserve`, possibly negative."""
        self._left, self._looked_at = await self._store.free() - self._disk_reserve, time.monotonic()
        return self._left

    async def admit(self, active: ActiveUpload, writer: SliceWriter, start: int, stop: int) -> None:
        """Admit bytes that exceed the reserved space, before they are written.

        Raise StorageFull, QuotaExceeded, FileTooLarge, ChangedMeanwhile.
        """
        if active.upload.length is None:
            await self._usage.admit(active, stop - start)
            await self._quotas.admit(active, stop)
        elif await self._reserve(active, writer, stop):
            return
        await self._take(stop - start)

    async def reserve_all(self, active: ActiveUpload, writer: SliceWriter, size: int) -> None:
        """Reserve space for a complete upload, whose bytes are about to be copied. Raise StorageFull."""
        async with self._reserving:
            if size > await self.spare():
                raise StorageFull
            await writer.reserve(0, size)
            active.reserve(size)

    async def _reserve(self, active: ActiveUpload, writer: SliceWriter, stop: int) -> bool:
        """Reserve the upload's next step if it includes the bytes before `stop`; return whether it does."""
        if stop > _reserved_next(active)[1]:
            return False
        # One at a time: some file systems reserve by writing, which would take the processors from receiving.
        async with self._reserving:
            if stop > (active.reserved or 0):
                begin, end = _reserved_next(active)
                end = min(end, begin + await self.spare())
                if stop > end:
                    return False
                await writer.reserve(begin, end)
                active.reserve(end)
                self._looked_at = float("-inf")
            return True

    async def _take(self, size: int) -> None:
        """Count bytes without a reservation. Raise StorageFull."""
        if size > self._left or time.monotonic() > self._looked_at + RECHECK_SECONDS:
            await self.spare()
        if size > self._left:
            raise StorageFull
        self._left -= size


def _reserved_next(active: ActiveUpload) -> tuple[int, int]:
    """Return the span of the next reservation. Recorded bytes from 0 on have their space already."""
    assert active.upload.length is not None
    begin = max(active.reserved or 0, active.received.offset)
    return begin, reservation_end(active.upload.length, active.size, begin)
