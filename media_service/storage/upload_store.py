"""Partial files: every slice is written to its own offset in one file per upload."""

from __future__ import annotations

import asyncio
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import aiofiles.os

from media_service.core.files import Source
from media_service.core.ports.upload_store import DiskUsage
from media_service.storage import ofd_locks
from media_service.storage.copy_range import concatenate
from media_service.storage.data_folder import make_private_folder
from media_service.storage.executor import run_to_completion
from media_service.storage.open_partial import INLINE_ALLOCATE_BYTES
from media_service.storage.open_partials import OpenPartials, open_for_writing
from media_service.storage.os_errors import map_os_errors
from media_service.storage.slice_writer import DiskSliceWriter
from media_service.storage.sync.client import SyncClient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.upload import Slice
    from media_service.ipc.client import RpcClient

SUFFIX = ".partial"

WRITE_THREADS = 32
"""Writes that may wait for a slow disk at once. Creating and concatenating partials uses the same threads."""


class DiskUploadStore:
    """`core.ports.upload_store.UploadStore` in one folder. The writers of one upload share a descriptor and its locks.

    Several processes may use one folder.
    """

    def __init__(self, folder: Path, rpc: RpcClient) -> None:
        self._folder = folder
        self._executor = ThreadPoolExecutor(WRITE_THREADS, "partials")
        self._partials = OpenPartials(self.path, SyncClient(rpc), folder, self._executor)
        # The descriptor of every upload that `try_exclusive` has locked, None without a partial.
        self._exclusive: dict[str, int | None] = {}
        self._allocating = asyncio.Lock()

    async def prepare(self) -> None:
        await make_private_folder(self._folder)

    async def create(self, upload_id: str, length: int | None) -> None:
        path = self.path(upload_id)
        with map_os_errors():
            if length is not None and length > INLINE_ALLOCATE_BYTES:
                # Some file systems allocate by writing zeros: one at a time leaves processors to the other uploads.
                async with self._allocating:
                    await run_to_completion(self._executor, _create, path, length)
            else:
                _create(path, length)

    async def begin(
        self, upload_id: str, start: int, size: int | None, *, most: int | None = None, digest: bytes | None = None
    ) -> DiskSliceWriter | None:
        partial = self._partials.acquire(upload_id)
        if partial is None:
            return None
        computed = None if digest is None else partial.digest(start, size or most)
        return DiskSliceWriter(partial, start, size, computed, self._partials.release)

    async def try_exclusive(self, upload_id: str) -> bool:
        if upload_id in self._exclusive:
            return False
        path = self.path(upload_id)
        with map_os_errors():
            while True:
                try:
                    # A description of its own, so that the writers of this process are excluded too.
                    descriptor = open_for_writing(path)
                except FileNotFoundError:
                    self._exclusive[upload_id] = None
                    return True
                if not ofd_locks.try_lock(descriptor, 0, None):
                    os.close(descriptor)
                    return False
                if _leads_to(path, descriptor):
                    self._exclusive[upload_id] = descriptor
                    return True
                os.close(descriptor)

    def end_exclusive(self, upload_id: str) -> None:
        descriptor = self._exclusive.pop(upload_id)
        if descriptor is not None:
            # A child process that was just forked may have the description too, until it executes its program.
            ofd_locks.unlock(descriptor, 0, None)
            os.close(descriptor)

    async def sync_all(self, upload_id: str) -> None:
        partial = self._partials.acquire(upload_id)
        if partial is None:
            raise FileNotFoundError(self.path(upload_id))
        try:
            await partial.sync(partial.epoch)
        finally:
            self._partials.release(partial)

    def close_idle(self) -> None:
        """Close every partial without a writer."""
        self._partials.close_idle()

    async def fetch(self, upload_id: str, slices: Sequence[Slice], stop: int, *, ahead: bool = False) -> Source:
        path = self.path(upload_id)
        with map_os_errors():
            os.lstat(path)
        return Source(path)

    async def release(self, upload_id: str) -> None:
        pass

    async def is_lost(self, upload_id: str, slices: Sequence[Slice]) -> bool:
        try:
            await self.fetch(upload_id, slices, 0)
        except FileNotFoundError:
            return True
        return False

    def path(self, upload_id: str) -> Path:
        """Return where an upload's partial is."""
        return self._folder / (upload_id + SUFFIX)

    async def trim(self, upload_id: str, length: int) -> None:
        with map_os_errors():
            await asyncio.to_thread(_trim, self.path(upload_id), length)

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, Sequence[Slice], int]]) -> None:
        with map_os_errors():
            paths = [(self.path(source), length) for source, _, length in sources]
            await run_to_completion(self._executor, concatenate, self.path(upload_id), paths)
        await self._partials.sync_name(upload_id)

    async def discard(self, upload_id: str) -> None:
        self._partials.forget(upload_id)
        with map_os_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self.path(upload_id))

    async def list_ids(self) -> list[str]:
        with map_os_errors():
            names = await aiofiles.os.listdir(self._folder)
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    async def clear_abandoned(self) -> None:
        pass

    async def free(self) -> int:
        return self.free_bytes()

    async def disk_usage(self) -> DiskUsage:
        with map_os_errors():
            usage = shutil.disk_usage(self._folder)
        return DiskUsage(usage.free, usage.total)

    def free_bytes(self) -> int:
        """Return what `free` returns, without waiting."""
        with map_os_errors():
            return shutil.disk_usage(self._folder).free


def _leads_to(path: Path, descriptor: int) -> bool:
    """Return whether the path leads to this open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _create(path: Path, length: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        # If the file system cannot allocate, glibc rewrites a byte of every block, and a slice that another process
        # writes meanwhile would lose these bytes.
        if length and ofd_locks.try_lock(descriptor, 0, None):
            os.posix_fallocate(descriptor, 0, length)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _trim(path: Path, length: int) -> None:
    if path.stat().st_size > length:
        os.truncate(path, length)
