"""Reserve disk space for the catalogue in a file that is deleted when the disk is full.

SQLite appends each change to its log, even one that frees space: no upload could be cancelled or expire on a full disk.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BALLAST_BYTES = 4 * 1024 * 1024  # ending an upload takes 30 KiB of the log, and a batch of 1,024 about 4 MiB
RETRY_SECONDS = 5.0


class Ballast:
    """The ballast file of one catalogue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._retry_at = float("-inf")
        self._allocated = False

    def release(self) -> bool:
        """Delete the file; return whether there was one."""
        self._allocated, self._retry_at = False, time.monotonic() + RETRY_SECONDS
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def ensure(self) -> None:
        """Allocate the file if it is missing and the disk has twice its size free."""
        if self._allocated or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + RETRY_SECONDS
        with suppress(OSError):
            self._allocated = self._path.exists() and self._path.stat().st_size == BALLAST_BYTES
            disk = os.statvfs(self._path.parent)
            if not self._allocated and disk.f_bavail * disk.f_frsize >= 2 * BALLAST_BYTES:
                self._allocated = self._allocate()

    def _allocate(self) -> bool:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(descriptor)
        return True
