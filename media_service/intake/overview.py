"""The service for the figures of a start page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from media_service.core.overview import OverviewCounts
    from media_service.core.ports.overview import Overview
    from media_service.core.ports.upload_store import DiskUsage, UploadStore

DAY = 24 * 60 * 60 * MICROSECONDS


class OverviewService:
    """Figures of rows and of the disk. `clock` returns UTC microseconds."""

    def __init__(self, rows: Overview, store: UploadStore, *, clock: Callable[[], int]) -> None:
        self._rows = rows
        self._store = store
        self._clock = clock

    async def counts(
        self, since: int | None, *, owner: str | None = None, collections: Collection[str] = ()
    ) -> OverviewCounts:
        """See `Overview.counts`; `since` None is midnight in UTC."""
        if since is None:
            since = self._clock() // DAY * DAY
        return await self._rows.counts(since, owner=owner, collections=collections)

    async def disk_usage(self) -> DiskUsage | None:
        """See `UploadStore.disk_usage`. Raise StorageError."""
        return await self._store.disk_usage()
