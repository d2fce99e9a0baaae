"""Named locks between processes, in one file."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

from media_service.ipc.exclusion import Exclusion
from media_service.storage import ofd_locks
from media_service.storage.os_errors import map_os_errors

if TYPE_CHECKING:
    from pathlib import Path

RETRY_SECONDS = 0.005
"""Interval at which a lock that another process holds is tried: the kernel's blocking call needs a thread for each
waiting task, which a cancellation cannot end."""


class FileLocks:
    """`core.ports.locks.Locks`: each name is one byte of a file, which stays empty.

    Two names with the same hash are one lock, which is slower and not wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        # The kernel excludes processes only: all tasks of this one use the same descriptor.
        self._exclusion = Exclusion(self._try_lock, self._unlock, first_pause=RETRY_SECONDS, last_pause=RETRY_SECONDS)

    async def acquire(self, name: str, seconds: float) -> bool:
        return await self._exclusion.acquire(_offset(name), seconds)

    def release(self, name: str) -> None:
        self._exclusion.release(_offset(name))

    async def wait_lost(self) -> None:
        # The kernel takes no lock away from a living process.
        await asyncio.get_running_loop().create_future()

    def close(self) -> None:
        """Free every lock and close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def _try_lock(self, offset: int) -> bool:
        with map_os_errors():
            if self._descriptor is None:
                # Not before the first use: after a fork both processes would own what one of them locks.
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            return ofd_locks.try_lock(self._descriptor, offset, offset + 1)

    def _unlock(self, offset: int) -> None:
        assert self._descriptor is not None
        ofd_locks.unlock(self._descriptor, offset, offset + 1)


def _offset(name: str) -> int:
    """Return the byte of this name; offsets are signed numbers of 64 bits."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 2
