"""Reading behind the offset: a file is hashed and walked while it still arrives, so that its end takes milliseconds.

The bytes come from the page cache, in one thread of their own, and only while the loop has time to spare.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.core.digest import WholeFileDigest, leaf_index
from media_service.media.frames import FrameWalk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from media_service.core.upload import Slice
    from media_service.media.leisure import Leisure

THREAD = "follower"
"""The reading thread's name, as `top -H` shows it and the bench counts it."""

READ = 1024 * 1024
"""Bytes that are read and hashed at once."""

STRIDE = 4 * READ
"""Bytes after which the thread is free for another file."""


def reading_thread() -> ThreadPoolExecutor:
    """The one thread that reads behind offsets."""
    return ThreadPoolExecutor(1, THREAD, _tell_name)


def _tell_name() -> None:
    """Python names its threads for itself alone."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(THREAD)


class Following:
    """One file that is read as far as its bytes are recorded. `length` is its announced length."""

    def __init__(self, path: Path, length: int | None) -> None:
        self._path = path
        self._length = length
        self._known: dict[int, bytes] = {}
        self._target = 0
        self._reading: asyncio.Task[None] | None = None
        self._leisure: Leisure | None = None
        self.digest = WholeFileDigest(self._known)
        self.walk = FrameWalk()

    def learn(self, pieces: Iterable[Slice]) -> None:
        """Slices whose digests were proven on their way in: blocks that need no hashing of their own."""
        for piece in pieces:
            if piece.digest is not None:
                index = leaf_index(piece.start, piece.stop, self._length)
                if index is not None:
                    self._known[index] = piece.digest

    def go_on_to(self, offset: int, thread: Executor, leisure: Leisure | None = None) -> asyncio.Task[None]:
        """Reads on to `offset`, behind whatever is being read already; with `leisure` only while there is time."""
        self._target = max(self._target, offset)
        self._leisure = leisure
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_to_target(thread))
        return self._reading

    async def _read_to_target(self, thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        while self.digest.size < self._target:
            stop = min(self.digest.size + STRIDE, self._target)
            before = self.digest.size
            await loop.run_in_executor(thread, self._read, stop)
            if self.digest.size == before or (self._leisure is not None and not self._leisure):
                return

    def _read(self, stop: int) -> None:
        with self._path.open("rb", buffering=0) as file:
            file.seek(self.digest.size)
            while self.digest.size < stop:
                piece = file.read(min(READ, stop - self.digest.size))
                if not piece:
                    return
                self.digest.update(piece)
                self.walk.feed(piece)
