"""Move the files of a data folder into an empty prefix of a bucket. A repeated run goes on where the last one ended."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING

import structlog

from media_service.storage.s3.concurrently import for_each
from media_service.storage.s3.errors import StoreUnusable
from media_service.storage.s3.folder_contents import objects_of
from media_service.storage.s3.http import FileRegion
from media_service.storage.s3.new_object import NewObject
from media_service.storage.s3.put_region import put_region, sha256_of
from media_service.storage.s3.spool import ASSEMBLED_AS, SHA256
from media_service.storage.s3.sweeper import abort_abandoned

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.storage.data_folder import DataFolder
    from media_service.storage.s3.client import ObjectInfo, S3Client
    from media_service.storage.s3.folder_contents import FileObject, Rows

CLAIM = "migration"
"""Key of an object that is there until all has moved; it contains the name of the folder."""

AT_ONCE = 8
"""Objects in progress: of small ones, most of the time is waiting for the store."""

log = structlog.get_logger()


async def is_claimed(client: S3Client) -> bool:
    """Return whether a folder is moving here."""
    return await _find(client, CLAIM) is not None


class FolderImport:
    """The files of one folder on their way. `identity`: the folder's name. Methods raise StorageError, StorageFull."""

    def __init__(self, client: S3Client, folder: DataFolder, rows: Rows, identity: str) -> None:
        self._client = client
        self._folder = folder
        self._rows = rows
        self._identity = identity
        self._sizes: dict[str, int] = {}

    async def claim(self) -> None:
        """Begin, or go on. Raise StoreUnusable if there are objects that did not come from this folder."""
        if await self._is_mine():
            await abort_abandoned(self._client, seconds=0)
            return
        async for found in self._client.list_objects(""):
            raise StoreUnusable(
                f"the store has objects of its own, such as {found.key}: an installation moves into an empty prefix"
            )
        data = self._identity.encode()
        await self._client.put(CLAIM, data, hashlib.sha256(data).digest())

    async def _is_mine(self) -> bool:
        try:
            claimed = b"".join([block async for block in self._client.get(CLAIM)]).decode()
        except FileNotFoundError:
            return False
        if claimed != self._identity:
            raise StoreUnusable("another installation is moving into the store")
        return True

    def total_bytes(self) -> int:
        """Return the bytes of all files. Raise OSError."""
        return sum(found.size for found in objects_of(self._folder, self._rows))

    async def move(self, done: Callable[[int], None]) -> int:
        """Send every file that is not there; report bytes to `done`; return the number of objects. Raise OSError."""
        await for_each(objects_of(self._folder, self._rows), partial(self._move_one, done), at_once=AT_ONCE)
        await self._compare()
        return len(self._sizes)

    async def _move_one(self, done: Callable[[int], None], found: FileObject) -> None:
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            # Its reader has just taken it.
            done(found.size)
            return
        try:
            await self._send(found, FileRegion(descriptor, found.start, found.stop), done)
        finally:
            os.close(descriptor)
        self._sizes[found.key] = found.size

    async def _send(self, found: FileObject, region: FileRegion, done: Callable[[int], None]) -> None:
        there = await _find(self._client, found.key)
        if there is not None and found.sha256 is not None and _is_same(there, found.size, found.sha256):
            done(found.size)
            return
        sha256 = await sha256_of(region)
        if found.sha256 is not None and sha256 != found.sha256:
            log.warning("a file differs from its row, and is moved as it is", path=str(found.path), key=found.key)
        if there is not None and _is_same(there, found.size, sha256):
            done(found.size)
            return
        metadata = {SHA256: sha256.hex()} | ({ASSEMBLED_AS: found.assembled_as} if found.assembled_as else {})
        new = NewObject(key=found.key, metadata=metadata, content_type=found.content_type)
        await put_region(self._client, new, region, sha256, done)

    async def _compare(self) -> None:
        """Delete what an earlier run sent and is gone from the folder. Raise StoreUnusable if anything is missing."""
        stored = {found.key: found.size async for found in self._client.list_objects("")}
        lost = [key for key, size in self._sizes.items() if stored.get(key) != size]
        if lost:
            raise StoreUnusable(f"the store has lost objects that were sent to it, such as {lost[0]}")
        await self._client.delete(key for key in stored if key not in self._sizes and key != CLAIM)

    async def end(self) -> None:
        """Let the service use what has moved."""
        await self._client.delete([CLAIM])


def _is_same(there: ObjectInfo, size: int, sha256: bytes) -> bool:
    return there.size == size and there.metadata.get(SHA256) == sha256.hex()


async def _find(client: S3Client, key: str) -> ObjectInfo | None:
    try:
        return await client.head(key)
    except FileNotFoundError:
        return None
