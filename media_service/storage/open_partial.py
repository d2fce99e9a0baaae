"""An open partial: positional writes, allocation, sync."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.storage.allocate import allocate
from media_service.storage.executor import run_to_completion
from media_service.storage.os_errors import map_os_errors
from media_service.storage.write_errors import raise_lost_writes

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from media_service.storage.block_writer import BlockWriter
    from media_service.storage.slice_digest import SliceDigest
    from media_service.storage.sync.client import SyncClient
    from media_service.storage.sync.group_sync import GroupSync

INLINE_ALLOCATE_BYTES = 1024 * 1024
"""Space of up to this size is allocated on the event loop, which costs less than a hop to a thread."""

STAT_BLOCK_BYTES = 512
"""Unit of `st_blocks` (stat(2))."""


class OpenPartial:
    """A descriptor that all writers of one upload in this process share.

    `folder_sync` makes its name durable; None if it already is. `users` is counted by `OpenPartials`.
    """

    def __init__(
        self,
        upload_id: str,
        path: Path,
        descriptor: int,
        *,
        writer: BlockWriter,
        executor: ThreadPoolExecutor,
        sync_client: SyncClient,
        folder_sync: GroupSync | None = None,
    ) -> None:
        self.upload_id = upload_id
        self.path = path
        self.descriptor = descriptor
        self.users = 0
        self._name = os.fspath(path)
        self._identity = _identity(os.fstat(descriptor))
        self._writer = writer
        self._executor = executor
        self._sync_client = sync_client
        self._folder_sync = folder_sync
        self._data_sync = sync_client.sync(path)

    def is_current(self) -> bool:
        """Return whether the path still leads to this file. Bytes written to a deleted one are lost without an error.

        The link count does not tell: a rejected file has a second name in the quarantine.
        """
        try:
            return _identity(os.lstat(self._name)) == self._identity
        except FileNotFoundError:
            return False

    @property
    def epoch(self) -> int:
        """Return the number of failed syncs."""
        return self._data_sync.failures

    def give_up(self) -> None:
        """Give up all that was written, as after a failed sync."""
        self._data_sync.failures += 1

    @property
    def name_is_durable(self) -> bool:
        """Return whether the file's name survives a power cut."""
        return self._folder_sync is None

    def write(self, offset: int, block: bytes) -> Awaitable[None]:
        """Write all of the block at `offset`; not durable before `sync`. Raise StorageFull, StorageError."""
        return self._writer.write(self.descriptor, offset, block)

    @property
    def allocated(self) -> int:
        """Return the offset up to which disk space is allocated, 0 if the file has holes."""
        status = os.fstat(self.descriptor)
        return status.st_size if status.st_blocks * STAT_BLOCK_BYTES >= status.st_size else 0

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate these bytes and keep existing ones. Raise StorageFull, StorageError."""
        with map_os_errors():
            if stop - start > INLINE_ALLOCATE_BYTES:
                await run_to_completion(self._executor, allocate, self.descriptor, start, stop - start)
            else:
                allocate(self.descriptor, start, stop - start)

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """Return the digest of a slice that will be written at `start`, of `expected` bytes at most if known."""
        return self._sync_client.digest(self.path, start, expected)

    async def sync(self, epoch: int) -> None:
        """Return when every write that ended before the call is durable. Raise StorageFull, StorageError.

        `epoch` is the partial's from before the first of these writes.
        """
        await self._data_sync.wait()
        # The sidecar's descriptor may have been opened after the first write, or after a crash of the sidecar. Then it
        # is not told of pages whose loss another process was told of; this one is.
        with map_os_errors():
            try:
                raise_lost_writes(self.descriptor)
            except OSError:
                self.give_up()
                raise
        # After a failed sync the kernel marks pages clean that never reached the disk, so everything written before it
        # is lost, even if a later sync succeeds.
        if self.epoch != epoch:
            raise StorageError
        if self._folder_sync is not None:
            await self._folder_sync.wait()
            self._folder_sync = None


def _identity(status: os.stat_result) -> tuple[int, int]:
    """Return what no other file has while this one is open."""
    return status.st_ino, status.st_dev
