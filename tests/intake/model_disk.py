"""Model of the disk that keeps apart what is written and what is durable, so that a crash can forget.

`tests/contracts` runs the suite of its port over it. It never waits, so that a test can crash at any step.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.files import Source
from media_service.core.ports.upload_store import StoredSlice
from media_service.core.ranges import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.upload import Slice


class ModelDisk:
    """One folder and its locks, for the stores of several processes: what was not synced is gone after `crash`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fail_next = False
        self.failures: dict[str, int] = defaultdict(int)
        self.locks: dict[str, list[tuple[ModelUploadStore, Span]]] = defaultdict(list)
        self.exclusive: dict[str, ModelUploadStore] = {}
        self._durable: dict[str, bytes] = {}

    def path(self, upload_id: str) -> Path:
        """Return where the written bytes are."""
        return self.folder / upload_id

    def durable(self, upload_id: str) -> bytes:
        """Return the bytes that a crash leaves."""
        return self._durable.get(upload_id, b"")

    def sync(self, upload_id: str) -> None:
        """Make what is written durable, or lose it."""
        if self.fail_next:
            self.fail_next = False
            self.failures[upload_id] += 1
            self._lose_written(upload_id)
        else:
            self._durable[upload_id] = self.path(upload_id).read_bytes()

    def forget(self, upload_id: str) -> None:
        """Forget what is durable too."""
        self._durable.pop(upload_id, None)

    def crash(self) -> None:
        """End every process and lose what was not synced: bytes, and files that never were."""
        self.locks.clear()
        self.exclusive.clear()
        for path in list(self.folder.iterdir()):
            if path.name in self._durable:
                self._lose_written(path.name)
            else:
                path.unlink()

    def _lose_written(self, upload_id: str) -> None:
        """Replace what is written by what is durable; zeros if nothing is."""
        path = self.path(upload_id)
        path.write_bytes(self._durable.get(upload_id, bytes(path.stat().st_size)))


class ModelUploadStore:
    """`core.ports.upload_store.UploadStore` of one process on a model disk."""

    def __init__(self, disk: ModelDisk) -> None:
        self.disk = disk
        self.path = disk.path
        self._reported: dict[str, int] = {}
        self._epochs: dict[str, int] = defaultdict(int)

    def die(self) -> None:
        """Free the locks of this process, which has ended."""
        for upload_id, locks in self.disk.locks.items():
            self.disk.locks[upload_id] = [(holder, span) for holder, span in locks if holder is not self]
        for upload_id in [upload_id for upload_id, holder in self.disk.exclusive.items() if holder is self]:
            self.end_exclusive(upload_id)

    async def create(self, upload_id: str, length: int | None) -> None:
        """Create the file at once."""
        with self.path(upload_id).open("xb") as file:
            file.truncate(length or 0)

    async def begin(
        self, upload_id: str, start: int, size: int | None, *, most: int | None = None, digest: bytes | None = None
    ) -> ModelSliceWriter | None:
        """Return a writer, with a digest of the file's bytes if their number is known, else of the blocks."""
        if not self.path(upload_id).exists():
            return None
        self._reported.setdefault(upload_id, self.disk.failures[upload_id])
        return ModelSliceWriter(self, upload_id, start, size, has_digest=digest is not None)

    async def try_exclusive(self, upload_id: str) -> bool:
        """Lock, unless a writer is there."""
        if upload_id in self.disk.exclusive or self.disk.locks[upload_id]:
            return False
        self.disk.exclusive[upload_id] = self
        return True

    def end_exclusive(self, upload_id: str) -> None:
        """Unlock."""
        del self.disk.exclusive[upload_id]

    async def sync_all(self, upload_id: str) -> None:
        """Sync the file."""
        if not self.path(upload_id).exists():
            raise FileNotFoundError
        self._reported.setdefault(upload_id, self.disk.failures[upload_id])
        self.sync(upload_id, self.epoch(upload_id))

    async def fetch(self, upload_id: str, slices: Sequence[Slice], stop: int, *, ahead: bool = False) -> Source:
        """Return the file."""
        if not self.path(upload_id).exists():
            raise FileNotFoundError
        return Source(self.path(upload_id))

    async def release(self, upload_id: str) -> None:
        """Do nothing: there is no copy."""

    async def is_lost(self, upload_id: str, slices: Sequence[Slice]) -> bool:
        """Return whether the file is missing."""
        return not self.path(upload_id).exists()

    async def trim(self, upload_id: str, length: int) -> None:
        """Truncate the file."""
        if self.path(upload_id).stat().st_size > length:
            os.truncate(self.path(upload_id), length)

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, Sequence[Slice], int]]) -> None:
        """Copy, and take the result for durable."""
        content = b""
        for source, _, length in sources:
            part = self.path(source).read_bytes()[:length]
            if len(part) < length:
                raise StorageError
            content += part
        self.path(upload_id).write_bytes(content)
        self.disk.sync(upload_id)

    async def discard(self, upload_id: str) -> None:
        """Delete the file."""
        self.disk.forget(upload_id)
        self.path(upload_id).unlink(missing_ok=True)

    async def list_ids(self) -> list[str]:
        """List the files."""
        return [path.name for path in self.disk.folder.iterdir()]

    async def clear_abandoned(self) -> None:
        """Do nothing: all files have ids."""

    async def free(self) -> int:
        """Return more than any test needs."""
        return 2**40

    async def disk_usage(self) -> None:
        """Return that it has no end."""

    def epoch(self, upload_id: str) -> int:
        """Return the number of failed syncs that this process has seen."""
        return self._epochs[upload_id]

    def sync(self, upload_id: str, epoch: int) -> None:
        """Make the written bytes durable. Every process that has the file open is told once of lost ones."""
        self.disk.sync(upload_id)
        if self._reported[upload_id] != self.disk.failures[upload_id]:
            self._reported[upload_id] = self.disk.failures[upload_id]
            self._epochs[upload_id] += 1
        if self.epoch(upload_id) != epoch:
            raise StorageError


class ModelSliceWriter:
    """`core.ports.upload_store.SliceWriter` of the model."""

    def __init__(
        self, store: ModelUploadStore, upload_id: str, start: int, size: int | None, *, has_digest: bool
    ) -> None:
        self._store = store
        self._upload_id = upload_id
        self._path = store.path(upload_id)
        self._span = Span(start, start + (size or 1))
        self._at = start
        self._is_locked = False
        self._epoch = store.epoch(upload_id)
        self._blocks = bytearray() if size is None else None
        self._has_digest = has_digest

    def try_lock(self) -> bool:
        """Lock the bytes, unless another process holds some."""
        return self._lock(self._span)

    def extend(self, stop: int) -> bool:
        """Lock more bytes."""
        assert self._is_locked
        return stop <= self._span.stop or self._lock(Span(self._span.start, stop))

    def _lock(self, span: Span) -> bool:
        if not self._path.exists():
            raise StorageError
        locks = self._store.disk.locks[self._upload_id]
        others = [held for holder, held in locks if holder is not self._store]
        if self._upload_id in self._store.disk.exclusive or any(
            held.start < span.stop and span.start < held.stop for held in others
        ):
            return False
        self._unlock()
        locks.append((self._store, span))
        self._span, self._is_locked = span, True
        return True

    def _unlock(self) -> None:
        if self._is_locked:
            # The locks are gone already if the process died.
            with suppress(ValueError):
                self._store.disk.locks[self._upload_id].remove((self._store, self._span))
        self._is_locked = False

    @property
    def is_separate(self) -> bool:
        return False

    @property
    def allocated(self) -> int:
        """Return 0: that the room is there is not known."""
        return 0

    async def reserve(self, start: int, stop: int) -> None:
        """Extend the file, as the disk does."""
        if self._path.stat().st_size < stop:
            os.truncate(self._path, stop)

    async def write(self, block: bytes) -> None:
        """Write to the file, which is not durable yet."""
        assert self._is_locked
        assert self._at + len(block) <= self._span.stop
        with self._path.open("r+b", buffering=0) as file:
            file.seek(self._at)
            file.write(block)
        self._at += len(block)
        if self._blocks is not None:
            self._blocks += block

    def end(self) -> None:
        """Do nothing: the file is read later."""

    async def commit(self, *, sync: bool = True) -> StoredSlice:
        """Sync, then read the slice back some turns of the event loop later."""
        if sync:
            self._store.sync(self._upload_id, self._epoch)
        elif self._store.epoch(self._upload_id) != self._epoch:
            raise StorageError
        if not self._has_digest:
            return StoredSlice()
        for _ in range(3):
            await asyncio.sleep(0)
        content = self._blocks
        if content is None:
            content = bytearray(self._path.read_bytes()[self._span.start : self._at])
        return StoredSlice(hashlib.sha256(content).digest())

    def close(self) -> None:
        """Free the bytes."""
        self._unlock()
