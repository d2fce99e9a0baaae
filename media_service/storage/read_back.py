"""SHA-256 of a file, read back while it is being written: this proves what is in the file.

A thread reads while the kernel copies and syncs. It adds no time: hashing 1 GiB takes as long as copying it durably.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

READ_BYTES = 256 * 1024
"""Bytes read at once; they are still in the processor's cache when they are hashed."""


class ReadBackDigest:
    """Compute the digest of the bytes up to the last call of `extend`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha = hashlib.sha256()
        self._offset = 0
        self._last_read: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "read-back")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def extend(self, stop: int) -> None:
        """Hash the file's bytes up to `stop`, which have been written."""
        self._last_read = self._thread.submit(self._read_to, stop)

    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes up to the last `stop`. Raise OSError, also if the file has fewer."""
        if self._last_read is not None:
            # A read starts where the one before stopped, so the last one repeats a read that failed.
            self._last_read.result()
        return self._sha.digest()

    def _read_to(self, stop: int) -> None:
        block = memoryview(bytearray(min(READ_BYTES, stop - self._offset)))
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._offset)
            while self._offset < stop:
                count = file.readinto(block[: stop - self._offset])
                if not count:
                    raise OSError("the file ended before what was written to it")
                self._sha.update(block[:count])
                self._offset += count
