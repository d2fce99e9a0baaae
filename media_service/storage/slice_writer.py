"""Write one slice of a partial: lock its bytes, write, make durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.ports.upload_store import StoredSlice
from media_service.storage import ofd_locks
from media_service.storage.os_errors import map_os_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.storage.open_partial import OpenPartial
    from media_service.storage.slice_digest import SliceDigest

_WITHOUT_DIGEST = StoredSlice()


class DiskSliceWriter:
    """`core.ports.upload_store.SliceWriter` over a partial, which `release` releases."""

    def __init__(
        self,
        partial: OpenPartial,
        start: int,
        size: int | None,
        digest: SliceDigest | None,
        release: Callable[[OpenPartial], None],
    ) -> None:
        self._partial = partial
        self._start = self._at = start
        self._stop = start + (size or 1)
        self._digest = digest
        self._release = release
        # Before the first write.
        self._epoch = partial.epoch
        self._is_locked = self._has_ended = False

    @property
    def is_separate(self) -> bool:
        return False

    def try_lock(self) -> bool:
        with map_os_errors():
            if not ofd_locks.try_lock(self._partial.descriptor, self._start, self._stop):
                return False
            self._is_locked = True
            # Not in `begin`: only from now on does nobody delete or replace it, which needs the lock of all bytes.
            if not self._partial.is_current():
                self._partial.give_up()
                raise StorageError
        return True

    def extend(self, stop: int) -> bool:
        assert self._is_locked
        if stop > self._stop:
            with map_os_errors():
                if not ofd_locks.try_lock(self._partial.descriptor, self._stop, stop):
                    return False
            self._stop = stop
        return True

    @property
    def allocated(self) -> int:
        return self._partial.allocated

    async def reserve(self, start: int, stop: int) -> None:
        await self._partial.reserve(start, stop)

    async def write(self, block: bytes) -> None:
        stop = self._at + len(block)
        assert self._is_locked
        assert stop <= self._stop, "the bytes are not locked"
        await self._partial.write(self._at, block)
        if self._digest is not None:
            self._digest.update(block)
        self._at = stop

    def end(self) -> None:
        if self._digest is not None and not self._has_ended:
            self._digest.end()
        self._has_ended = True

    async def commit(self, *, sync: bool = True) -> StoredSlice:
        # Before the sync, so that both run at once: one needs the processor, the other the disk.
        self.end()
        if sync:
            await self._partial.sync(self._epoch)
        elif self._partial.epoch != self._epoch:
            raise StorageError
        return _WITHOUT_DIGEST if self._digest is None else StoredSlice(await self._digest.value())

    def close(self) -> None:
        if self._is_locked:
            ofd_locks.unlock(self._partial.descriptor, self._start, self._stop)
        self._release(self._partial)
