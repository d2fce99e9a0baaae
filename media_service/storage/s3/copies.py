"""Local copies of uploads: verification, tagging and read-ahead read files."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import structlog

from media_service.core.errors.service import StorageFull
from media_service.storage.os_errors import map_os_errors
from media_service.storage.s3.concurrently import for_each
from media_service.storage.s3.slice_objects import objects_after

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.files import ObjectRange
    from media_service.storage.s3.client import S3Client
    from media_service.storage.s3.scratch import Scratch

READS_AT_ONCE = 4
"""Objects of one upload that are read at once: with small slices, most of the time is waiting for the store."""

log = structlog.get_logger()


class Copies:
    """The copies of this process, one for each upload, which grow as more of the upload is needed."""

    def __init__(self, client: S3Client, scratch: Scratch) -> None:
        self._client = client
        self._scratch = scratch
        self._sizes: dict[str, int] = {}
        # Bytes that the copies in progress will still write.
        self._coming: dict[str, int] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def ids(self) -> set[str]:
        """Return the uploads that have a copy."""
        return set(self._sizes)

    def have_room(self) -> bool:
        """Return whether they use less than half of the space that they and others could use."""
        return sum(self._sizes.values()) < self._scratch.free_bytes()

    async def extend(self, upload_id: str, objects: Sequence[ObjectRange], *, ahead: bool = False) -> Path:
        """Return the upload's copy with the bytes of these objects, from its first byte on. `ahead`: they can wait.

        Raise FileNotFoundError, StorageError; StorageFull and delete the copy if there is no room for it.
        """
        path = self._scratch.path(upload_id)
        async with self._lock(upload_id):
            copied = self._sizes.setdefault(upload_id, 0)
            size = sum(part.stop - part.start for part in objects)
            if size > copied or not copied:
                try:
                    _cut(path, copied)
                    self._require_room(upload_id, size - copied, ahead=ahead)
                    self._coming[upload_id] = size - copied
                    await self._copy(upload_id, path, list(objects_after(objects, copied)))
                except StorageFull:
                    # Others may fill the disk too: give up this copy, so that theirs succeed.
                    self._delete(upload_id)
                    raise
                finally:
                    self._coming.pop(upload_id, None)
                self._sizes[upload_id] = size
        return path

    async def drop(self, upload_id: str) -> None:
        """Delete the upload's copy, if it has one."""
        if upload_id in self._sizes:
            async with self._lock(upload_id):
                self._delete(upload_id)

    def _require_room(self, upload_id: str, needed: int, *, ahead: bool) -> None:
        """Raise StorageFull before anything is read: finishing is tried again and again, and would fill the disk.

        Of two copies that fit only one after the other, the second fails, and the first does not.
        """
        free = self._scratch.free_bytes() - sum(self._coming.values())
        if needed <= free:
            return
        if not ahead:
            folder = str(self._scratch.folder)
            log.error("no room for the copy of an upload", upload=upload_id, needed=needed, free=free, folder=folder)
        raise StorageFull

    def _lock(self, upload_id: str) -> asyncio.Lock:
        return self._locks.setdefault(upload_id, asyncio.Lock())

    def _delete(self, upload_id: str) -> None:
        self._sizes.pop(upload_id, None)
        with map_os_errors():
            self._scratch.path(upload_id).unlink(missing_ok=True)

    async def _copy(self, upload_id: str, path: Path, missing: Sequence[tuple[int, ObjectRange]]) -> None:
        """Copy the objects to their offsets in the file."""
        with map_os_errors():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            await for_each(
                missing, partial(self._copy_one, upload_id, descriptor), at_once=min(READS_AT_ONCE, len(missing))
            )
        finally:
            os.close(descriptor)

    async def _copy_one(self, upload_id: str, descriptor: int, missing: tuple[int, ObjectRange]) -> None:
        offset, part = missing
        async with aclosing(self._client.get(part.key, part.start, part.stop)) as blocks:
            async for block in blocks:
                await self._scratch.write(descriptor, offset, block)
                offset += len(block)
                self._coming[upload_id] -= len(block)


def _cut(path: Path, size: int) -> None:
    """Free what a copy that failed has left behind the bytes that are known."""
    with map_os_errors(), suppress(FileNotFoundError):
        os.truncate(path, size)
