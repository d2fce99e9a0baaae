"""Files on the local disk that end with their process: slices on their way to the store, and copies of uploads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.storage.block_writer import BlockWriter
from media_service.storage.os_errors import map_os_errors
from media_service.storage.s3.heap import keep_freed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

WRITE_THREADS = 8
"""Writes that may wait for a slow disk at once."""

MEMORY_BYTES = 32 * 1024 * 1024
"""Slices in memory, all together; others are in files, which cost a receiver 0.3 s/GiB more."""

BLOCK_BYTES = 1024 * 1024
"""Largest block of a slice."""

IDLE_FILES = 4
IDLE_FILE_BYTES = 16 * 1024 * 1024
"""Files without a name, and the size of each, that are used again: writing to new ones costs twice as much."""


class Scratch:
    """Some memory, and a folder that several processes may use.

    Files without a name are in it, and the kernel frees them when the process dies; named ones are in a folder of the
    process, which the next process deletes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer = BlockWriter(ThreadPoolExecutor(WRITE_THREADS, "scratch"))
        self._own: Path | None = None
        self._lock = -1
        self._idle: list[int] = []
        self._memory = MEMORY_BYTES

    async def prepare(self) -> None:
        """Create the folders, and delete those of processes that have ended. Raise StorageFull, StorageError."""
        keep_freed(2 * MEMORY_BYTES, BLOCK_BYTES + 4096)
        with map_os_errors():
            await asyncio.to_thread(self._prepare)

    def close(self) -> None:
        """Delete all files."""
        while self._idle:
            os.close(self._idle.pop())
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None

    def path(self, name: str) -> Path:
        """Return the path of a named file."""
        assert self._own is not None, "prepare() was not called"
        return self._own / name

    def take_memory(self, size: int) -> bool:
        """Return whether so many bytes may be kept in memory until `give_memory`."""
        if size > self._memory:
            return False
        self._memory -= size
        return True

    def give_memory(self, size: int) -> None:
        """Note that these bytes are not in memory any more."""
        self._memory += size

    def open_unnamed(self) -> int:
        """Return the descriptor of a file without a name, whose bytes mean nothing. Raise StorageFull, StorageError."""
        if self._idle:
            return self._idle.pop()
        with map_os_errors():
            try:
                return os.open(self.folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError:
                # Not all file systems have such files; of a full one the next call fails too.
                descriptor, path = tempfile.mkstemp(dir=self.folder)
                Path(path).unlink()
                return descriptor

    def close_unnamed(self, descriptor: int) -> None:
        """Free what `open_unnamed` returned."""
        if len(self._idle) < IDLE_FILES and os.fstat(descriptor).st_size <= IDLE_FILE_BYTES:
            self._idle.append(descriptor)
        else:
            os.close(descriptor)

    def write(self, descriptor: int, offset: int, block: bytes) -> Awaitable[None]:
        """Write all of the block at `offset`. Raise StorageFull, StorageError."""
        return self._writer.write(descriptor, offset, block)

    def free_bytes(self) -> int:
        """Return the bytes that can still be written."""
        with map_os_errors():
            return shutil.disk_usage(self.folder).free

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The lock of the whole folder, so that no process deletes what another one has created and not locked yet.
        with _locked(self.folder):
            for path in self.folder.iterdir():
                if path.is_dir():
                    _delete_unless_locked(path)
            self._own = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{os.getpid()}-"))
            self._lock = _open_folder(self._own)
            fcntl.flock(self._lock, fcntl.LOCK_EX)


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = _open_folder(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _delete_unless_locked(folder: Path) -> None:
    """Delete the folder of a process that has ended: the kernel freed its lock."""
    descriptor = _open_folder(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)
