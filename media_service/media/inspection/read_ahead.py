"""Read-ahead: hash and parse a file while it arrives, so that verification at its end takes milliseconds.

While the file arrives, all consumers get each piece in turn, from the page cache. What is left at the end is read by
one thread per consumer: reading a piece again from the page cache costs a fifth of hashing it.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.core.digest import BLOCK_BYTES, ContentHash, leaf_index
from media_service.media.mpeg.parser import FrameParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from media_service.core.upload import Slice
    from media_service.media.inspection.read_pool import ReadPool

READ_BYTES = 1024 * 1024
"""Bytes per read."""

TURN_BYTES = 4 * READ_BYTES
"""Bytes after which a thread is given to another file or consumer."""


@dataclass(slots=True)
class Consumer:
    """A function that takes a file's bytes in order; it has had those before `offset`."""

    consume: Callable[[bytes], object]
    offset: int = 0


class ReadAhead:
    """Read-ahead of one file of the announced `length`."""

    def __init__(self, path: Path, length: int | None) -> None:
        self._path = path
        self._length = length
        self._block_digests: dict[int, bytes] = {}
        self._target = 0
        self._reading: asyncio.Task[None] | None = None
        self._sha256 = hashlib.sha256()
        self.content_hash = ContentHash(self._block_digests)
        self.parser = FrameParser()
        self._file = Consumer(self._hash_file)
        self._blocks = Consumer(self.content_hash.update)
        # The parser first: from the first block on it tells whether it hashes the file.
        self._consumers = [Consumer(self.parser.feed), self._file, self._blocks]

    @property
    def size(self) -> int:
        """Return how many bytes all consumers have got."""
        return min(consumer.offset for consumer in self._consumers)

    def sha256(self) -> bytes:
        """Return the SHA-256 of all bytes, after the parser has finished."""
        return self.parser.report.file_sha256 or self._sha256.digest()

    def add_digests(self, pieces: Iterable[Slice]) -> None:
        """Add the proven digests of slices, so that these blocks need not be hashed for the content hash."""
        for piece in pieces:
            if piece.digest is not None:
                index = leaf_index(piece.start, piece.stop, self._length)
                if index is not None:
                    self._block_digests[index] = piece.digest

    def read_to(self, offset: int, pool: ReadPool) -> asyncio.Task[None]:
        """Read on to `offset` in a task."""
        self._target = max(self._target, offset)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_ahead(pool))
        return self._reading

    async def catch_up(self, length: int, pool: ReadPool) -> None:
        """Read the rest of a whole file, up to `length` or to its end if it is shorter. Raise OSError."""
        if self._reading is not None:
            self._target = 0
            # The error occurs again below.
            with suppress(OSError):
                await self._reading
        if length - self.size > TURN_BYTES:
            await self._read_in_parallel(length, pool)
        else:
            await pool.read(_read, self._path, self._consumers, length)

    async def _read_ahead(self, pool: ReadPool) -> None:
        while (position := self.size) < self._target:
            await pool.read_serially(_read, self._path, self._consumers, min(position + TURN_BYTES, self._target))
            if self.size == position:
                return

    async def _read_in_parallel(self, length: int, pool: ReadPool) -> None:
        """Read to the next block of the content hash with all consumers, then the rest once for each that needs it."""
        next_block = self.size - self.size % BLOCK_BYTES + BLOCK_BYTES
        await pool.read(_read, self._path, self._consumers, min(next_block, length))
        self.content_hash.pass_known(length)
        self._blocks.offset = self.content_hash.size
        if self.parser.hashes_file:
            self._file.offset = length
        tasks = [asyncio.create_task(self._read_consumer(consumer, length, pool)) for consumer in self._consumers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    def _hash_file(self, piece: bytes) -> None:
        if not self.parser.hashes_file:
            self._sha256.update(piece)

    async def _read_consumer(self, consumer: Consumer, stop: int, pool: ReadPool) -> None:
        while (position := consumer.offset) < stop:
            await pool.read(_read, self._path, [consumer], min(position + TURN_BYTES, stop))
            if consumer.offset == position:
                return


def _read(path: Path, consumers: Sequence[Consumer], stop: int) -> None:
    """Read up to `stop` for consumers that have the same offset."""
    position = consumers[0].offset
    with path.open("rb", buffering=0) as file:
        file.seek(position)
        while position < stop and (piece := file.read(min(READ_BYTES, stop - position))):
            position += len(piece)
            for consumer in consumers:
                consumer.consume(piece)
                consumer.offset = position
