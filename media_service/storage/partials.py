"""Partial files: every slice goes straight to its place in one file per upload.

Descriptors are shared: the writers of one upload's slices hold the same one. Behind the last of them it stays open for
a while: the next slice is on its way, and to open a file for it costs as much as to write it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiofiles.os

from media_service.core.errors.service import StorageError
from media_service.storage.allocate import allocate
from media_service.storage.copy_range import join
from media_service.storage.executor import run_to_completion
from media_service.storage.os_errors import make_private_folder, map_os_errors
from media_service.storage.sync.client import SyncClient
from media_service.storage.write_latency import WriteLatency

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.ports.partials import SliceDigest
    from media_service.ipc.client import RpcClient
    from media_service.storage.sync.group_sync import GroupSync

SUFFIX = ".partial"

THREADS = 32
"""Slow writes that may wait for the disk at once: half a crowd. Making and joining partials takes one now and then."""

IDLE = 64
"""Descriptors that nobody writes to and that stay open, the latest longest."""

RESERVED_AT_ONCE = 1024 * 1024
"""Bytes up to which room is reserved on the event loop: less work than a hop to a thread."""


class OpenPartial:
    """`core.ports.partials.Partial` over a descriptor. `folder` makes its name durable, if that is still to be done."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        pace: WriteLatency,
        threads: ThreadPoolExecutor,
        disk: SyncClient,
        *,
        folder: GroupSync | None = None,
    ) -> None:
        self.path = path
        self.descriptor = descriptor
        self._pace = pace
        self._threads = threads
        self._disk = disk
        self._folder = folder
        self._bytes = disk.sync(path)

    @property
    def epoch(self) -> int:
        """Counts the syncs that failed."""
        return self._bytes.failures

    @property
    def named(self) -> bool:
        """Whether its name is durable."""
        return self._folder is None

    async def write(self, offset: int, block: bytes) -> None:
        """Puts the whole block at `offset`: on the event loop while the disk is fast, in a thread while it is not."""
        with map_os_errors():
            if self._pace.on_loop:
                self._pace.took(_write(self.descriptor, offset, block))
            else:
                self._pace.took(await run_to_completion(self._threads, _write, self.descriptor, offset, block))

    @property
    def allocated(self) -> int:
        """Return up to which offset the disk has room for every byte, as far as that can be told; else 0."""
        status = os.fstat(self.descriptor)
        return status.st_size if status.st_blocks * 512 >= status.st_size else 0

    async def reserve(self, start: int, stop: int) -> None:
        """Allocate disk space for these bytes, so that others cannot take it; bytes that are there already stay.

        Does nothing where the file system cannot. Raises StorageFull, StorageError.
        """
        with map_os_errors():
            if stop - start > RESERVED_AT_ONCE:
                await run_to_completion(self._threads, allocate, self.descriptor, start, stop - start)
            else:
                allocate(self.descriptor, start, stop - start)

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """The SHA-256 of a slice that is about to be written from `start` on, with so many bytes at most."""
        return self._disk.digest(self.path, start, expected)

    async def sync(self, epoch: int) -> None:
        """Returns when every write that ended before the call is durable, and so is the file's name.

        `epoch` is the partial's from before the first of these writes: after a failed sync the kernel takes pages for
        clean that never reached the disk, so everything that was written before it is given up, whatever a later sync
        says. Raises StorageFull, StorageError.
        """
        await self._bytes.done()
        if self.epoch != epoch:
            raise StorageError
        if self._folder is not None:
            await self._folder.done()
            self._folder = None


def _write(descriptor: int, offset: int, block: bytes) -> float:
    """Seconds that it took to put the whole block at `offset`."""
    begun = time.perf_counter()
    written = os.pwrite(descriptor, block, offset)
    while written < len(block):
        written += os.pwrite(descriptor, memoryview(block)[written:], offset + written)
    return time.perf_counter() - begun


@dataclass(slots=True)
class _Held:
    partial: OpenPartial
    holders: int


class DiskPartials:
    """`core.ports.partials.Partials` in one folder. `line` leads to who syncs them."""

    def __init__(self, folder: Path, line: RpcClient) -> None:
        self._folder = folder
        self._disk = SyncClient(line)
        self._held: dict[str, _Held] = {}
        self._idle: OrderedDict[str, OpenPartial] = OrderedDict()
        self._pace = WriteLatency()
        self._threads = ThreadPoolExecutor(THREADS, "partials")
        self._names = self._disk.sync_folder(folder)
        # Partials whose names are durable, as far as is known: a crash may have come between the two.
        self._named: set[str] = set()
        self._reserving = asyncio.Lock()

    async def prepare(self) -> None:
        """Makes the folder."""
        await make_private_folder(self._folder)

    async def create(self, upload_id: str, length: int | None) -> None:
        """Makes an empty partial with room for `length` bytes where that is known; its first sync makes it durable.

        Raises StorageFull.
        """
        path = self.path(upload_id)
        with map_os_errors():
            if length is not None and length > RESERVED_AT_ONCE:
                # Some file systems reserve room by writing it: one at a time leaves processors to those who send.
                async with self._reserving:
                    await run_to_completion(self._threads, _create, path, length)
            else:
                _create(path, length)

    async def open(self, upload_id: str) -> OpenPartial | None:
        """The partial, to be given back with `close`; None when there is none."""
        held = self._held.get(upload_id)
        if held is None:
            partial = self._still_open(upload_id) or self._opened(upload_id)
            if partial is None:
                return None
            held = self._held[upload_id] = _Held(partial, 0)
        held.holders += 1
        return held.partial

    def _still_open(self, upload_id: str) -> OpenPartial | None:
        partial = self._idle.pop(upload_id, None)
        if partial is not None and not os.fstat(partial.descriptor).st_nlink:
            # Somebody deleted it: what is written there would be lost without a word.
            self._close(partial)
            return None
        return partial

    def _opened(self, upload_id: str) -> OpenPartial | None:
        path = self.path(upload_id)
        with map_os_errors():
            try:
                # On the loop: it waits for no data, and between a look and an open in a thread another
                # writer would open its own.
                descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        self._disk.hold(path)
        names = None if upload_id in self._named else self._names
        return OpenPartial(path, descriptor, self._pace, self._threads, self._disk, folder=names)

    def close(self, upload_id: str) -> None:
        """Gives back what `open` returned."""
        held = self._held[upload_id]
        held.holders -= 1
        if not held.holders:
            del self._held[upload_id]
            self._idle[upload_id] = held.partial
            if held.partial.epoch:
                self._let_go(upload_id)
            elif len(self._idle) > IDLE:
                self._let_go(next(iter(self._idle)))

    def close_idle(self) -> None:
        """Closes what nobody holds."""
        for upload_id in list(self._idle):
            self._let_go(upload_id)

    def _let_go(self, upload_id: str) -> None:
        partial = self._idle.pop(upload_id, None)
        if partial is not None:
            self._close(partial)
            if partial.named:
                self._named.add(upload_id)

    def _close(self, partial: OpenPartial) -> None:
        os.close(partial.descriptor)
        self._disk.let_go(partial.path)

    def path(self, upload_id: str) -> Path:
        """Where the partial's bytes are, for reading."""
        return self._folder / (upload_id + SUFFIX)

    async def trim(self, upload_id: str, length: int) -> None:
        """Cuts off scratch bytes behind `length`. Raises FileNotFoundError when there is no partial."""
        with map_os_errors():
            await asyncio.to_thread(_trim, self.path(upload_id), length)

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        """Fills the partial with the first bytes of others, one behind the other, durably. Raises StorageFull."""
        with map_os_errors():
            paths = [(self.path(source), length) for source, length in sources]
            await run_to_completion(self._threads, join, self.path(upload_id), paths)
        await self._names.done()
        self._named.add(upload_id)

    async def discard(self, upload_id: str) -> None:
        """Frees the partial's space. One that is not there is no error."""
        self._let_go(upload_id)
        self._named.discard(upload_id)
        with map_os_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self.path(upload_id))

    async def list_ids(self) -> list[str]:
        """The uploads that have a partial."""
        with map_os_errors():
            names = await aiofiles.os.listdir(self._folder)
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    async def free(self) -> int:
        """Bytes that may still be written on this disk."""
        return self.room()

    def room(self) -> int:
        """Return what `free` returns; it waits for nothing."""
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
