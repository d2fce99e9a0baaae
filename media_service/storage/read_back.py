"""SHA-256 of a file that is being written, read again behind its writer.

Reading it again is what proves that the file is what was meant; doing it in a thread of its own, while the kernel
copies and syncs, is what makes it cost no time: a GiB takes as long to hash as to copy durably.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

READ = 256 * 1024
"""Bytes that are read at once: few enough to be still in the processor's cache when they are hashed."""


class ReadBackDigest:
    """`reach` it whenever more of the file stands; the digest is of what was reached."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha = hashlib.sha256()
        self._at = 0
        self._reading: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "reread")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def reach(self, stop: int) -> None:
        """The file's bytes up to `stop` stand."""
        self._reading = self._thread.submit(self._read_to, stop)

    def digest(self) -> bytes:
        """SHA-256 of the bytes up to the last `stop`. Raises OSError, also where the file has fewer."""
        if self._reading is not None:
            # One that failed before was tried again by those behind it: they begin where it ended.
            self._reading.result()
        return self._sha.digest()

    def _read_to(self, stop: int) -> None:
        block = memoryview(bytearray(min(READ, stop - self._at)))
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._at)
            while self._at < stop:
                count = file.readinto(block[: stop - self._at])
                if not count:
                    raise OSError("the file ended before what was written to it")
                self._sha.update(block[:count])
                self._at += count
