"""Partial files: every slice is written to its own offset in one file per upload."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiofiles.os

from media_service.storage.copy_range import concatenate
from media_service.storage.data_folder import make_private_folder
from media_service.storage.executor import run_to_completion
from media_service.storage.open_partial import INLINE_ALLOCATE_BYTES, OpenPartial
from media_service.storage.os_errors import map_os_errors
from media_service.storage.sync.client import SyncClient
from media_service.storage.write_latency import WriteLatency

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.ipc.client import RpcClient

SUFFIX = ".partial"

WRITE_THREADS = 32
"""Writes that may wait for a slow disk at once. Creating and concatenating partials uses the same threads."""

MAX_IDLE_PARTIALS = 64
"""Most recently used partials that stay open without a user: opening a file costs as much as writing a slice."""


@dataclass(slots=True)
class _InUse:
    partial: OpenPartial
    users: int


class DiskPartials:
    """`core.ports.partials.Partials` in one folder. Writers of one upload share a descriptor."""

    def __init__(self, folder: Path, rpc: RpcClient) -> None:
        self._folder = folder
        self._sync_client = SyncClient(rpc)
        self._in_use: dict[str, _InUse] = {}
        self._idle: OrderedDict[str, OpenPartial] = OrderedDict()
        self._latency = WriteLatency()
        self._executor = ThreadPoolExecutor(WRITE_THREADS, "partials")
        self._folder_sync = self._sync_client.sync_folder(folder)
        # Uploads whose file name is durable. A restart does not know: the process may have crashed before the sync.
        self._durable_names: set[str] = set()
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

    async def open(self, upload_id: str) -> OpenPartial | None:
        in_use = self._in_use.get(upload_id)
        if in_use is None:
            partial = self._reuse_idle(upload_id) or self._open(upload_id)
            if partial is None:
                return None
            in_use = self._in_use[upload_id] = _InUse(partial, 0)
        in_use.users += 1
        return in_use.partial

    def _reuse_idle(self, upload_id: str) -> OpenPartial | None:
        partial = self._idle.pop(upload_id, None)
        if partial is not None and not os.fstat(partial.descriptor).st_nlink:
            # The file was deleted by another program: bytes written to it would be lost without an error.
            self._close_descriptor(partial)
            return None
        return partial

    def _open(self, upload_id: str) -> OpenPartial | None:
        path = self.path(upload_id)
        with map_os_errors():
            try:
                # On the event loop: this does not wait for data, and during a hop to a thread another writer would
                # open a second descriptor.
                descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        self._sync_client.open(path)
        folder_sync = None if upload_id in self._durable_names else self._folder_sync
        return OpenPartial(
            path,
            descriptor,
            latency=self._latency,
            executor=self._executor,
            sync_client=self._sync_client,
            folder_sync=folder_sync,
        )

    def close(self, upload_id: str) -> None:
        in_use = self._in_use[upload_id]
        in_use.users -= 1
        if not in_use.users:
            del self._in_use[upload_id]
            self._idle[upload_id] = in_use.partial
            if in_use.partial.epoch:
                self._drop_idle(upload_id)
            elif len(self._idle) > MAX_IDLE_PARTIALS:
                self._drop_idle(next(iter(self._idle)))

    def close_idle(self) -> None:
        """Close every partial without a user."""
        for upload_id in list(self._idle):
            self._drop_idle(upload_id)

    def _drop_idle(self, upload_id: str) -> None:
        partial = self._idle.pop(upload_id, None)
        if partial is not None:
            self._close_descriptor(partial)
            if partial.name_is_durable:
                self._durable_names.add(upload_id)

    def _close_descriptor(self, partial: OpenPartial) -> None:
        os.close(partial.descriptor)
        self._sync_client.close(partial.path)

    def path(self, upload_id: str) -> Path:
        return self._folder / (upload_id + SUFFIX)

    async def trim(self, upload_id: str, length: int) -> None:
        with map_os_errors():
            await asyncio.to_thread(_trim, self.path(upload_id), length)

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        with map_os_errors():
            paths = [(self.path(source), length) for source, length in sources]
            await run_to_completion(self._executor, concatenate, self.path(upload_id), paths)
        await self._folder_sync.wait()
        self._durable_names.add(upload_id)

    async def discard(self, upload_id: str) -> None:
        self._drop_idle(upload_id)
        self._durable_names.discard(upload_id)
        with map_os_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self.path(upload_id))

    async def list_ids(self) -> list[str]:
        with map_os_errors():
            names = await aiofiles.os.listdir(self._folder)
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    async def free(self) -> int:
        return self.free_bytes()

    def free_bytes(self) -> int:
        """Return what `free` returns, without waiting."""
        with map_os_errors():
            return shutil.disk_usage(self._folder).free


def _create(path: Path, length: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        if length:
            os.posix_fallocate(descriptor, 0, length)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _trim(path: Path, length: int) -> None:
    if path.stat().st_size > length:
        os.truncate(path, length)
