"""A file that holds room for the catalogue, to be freed when the disk is full.

SQLite appends a change to its log before it counts, even one that ends an upload and so frees disk space. With no byte
free, nothing could be cancelled and nothing would expire.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BALLAST_BYTES = 4 * 1024 * 1024
"""Bytes of the ballast. Ending an upload takes some 30 KiB of the log, and a batch of 1,024 of them about 4 MiB."""

RETRY_SECONDS = 5.0
"""Seconds between two tries to take the room again."""


class Ballast:
    """The ballast beside one catalogue."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._try_at = float("-inf")
        self._there = False

    def drop(self) -> bool:
        """Free the room; return whether there was some."""
        self._there, self._try_at = False, time.monotonic() + RETRY_SECONDS
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def keep(self) -> None:
        """Take the room if it is not taken, and if the disk has at least as much again."""
        if self._there or time.monotonic() < self._try_at:
            return
        self._try_at = time.monotonic() + RETRY_SECONDS
        with suppress(OSError):
            self._there = self._path.exists() and self._path.stat().st_size == BALLAST_BYTES
            room = os.statvfs(self._path.parent)
            if not self._there and room.f_bavail * room.f_frsize >= 2 * BALLAST_BYTES:
                self._there = self._take()

    def _take(self) -> bool:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(descriptor)
        return True
