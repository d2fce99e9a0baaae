"""Reading behind the offset: a file is hashed and walked while it still arrives, so that its end takes milliseconds.

While it arrives, everything takes each piece in turn, from the page cache, and only while the loop has time to spare.
What is left when all of it is there is read by several threads, each for one purpose: nobody waits for a processor
then, and reading a piece again from the page cache costs a fifth of hashing it.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.core.digest import ContentHash, leaf_index
from media_service.media.mpeg.parser import FrameParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from media_service.core.upload import Slice
    from media_service.media.inspection.read_pool import ReadPool

READ_BYTES = 1024 * 1024
"""Bytes that are read and hashed at once."""

CRC_READ_BYTES = READ_BYTES // 4
"""Bytes that are read at once for LAME's CRC: computing it keeps the interpreter's lock from all others."""

TURN_BYTES = 4 * READ_BYTES
"""Bytes after which a thread is free for another file, or for another purpose."""


@dataclass(slots=True)
class Consumer:
    """What takes a file's bytes in order, so many at once: it has those before `offset`."""

    consume: Callable[[bytes], object]
    offset: int = 0
    read_bytes: int = READ_BYTES


class ReadAhead:
    """One file that is read as far as its bytes are recorded. `length` is its announced length."""

    def __init__(self, path: Path, length: int | None) -> None:
        self._path = path
        self._length = length
        self._block_digests: dict[int, bytes] = {}
        self._target = 0
        self._reading: asyncio.Task[None] | None = None
        self.sha256 = hashlib.sha256()
        self.content_hash = ContentHash(self._block_digests)
        self.parser = FrameParser()
        self._blocks = Consumer(self.content_hash.update)
        self._consumers = [Consumer(self.parser.feed), Consumer(self.sha256.update), self._blocks]

    @property
    def size(self) -> int:
        """Bytes that were read for every purpose."""
        return min(consumer.offset for consumer in self._consumers)

    def add_digests(self, pieces: Iterable[Slice]) -> None:
        """Slices whose digests were proven on their way in: blocks that need no hashing of their own."""
        for piece in pieces:
            if piece.digest is not None:
                index = leaf_index(piece.start, piece.stop, self._length)
                if index is not None:
                    self._block_digests[index] = piece.digest

    def read_to(self, offset: int, pool: ReadPool) -> asyncio.Task[None]:
        """Reads on to `offset`, behind what is being read already, while there is time."""
        self._target = max(self._target, offset)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_ahead(pool))
        return self._reading

    async def catch_up(self, length: int, pool: ReadPool) -> None:
        """Reads what is left of a whole file of `length` bytes. One that turns out shorter is read to its end.

        Raises OSError.
        """
        if self._reading is not None:
            self._target = 0
            # What stopped it is met again.
            with suppress(OSError):
                await self._reading
        if length - self.size > TURN_BYTES and self.parser.report.first is None:
            await pool.read(_read, self._path, self._consumers, self.size + TURN_BYTES)
        if length - self.size > TURN_BYTES:
            await self._read_in_parallel(length, pool)
        else:
            await pool.read(_read, self._path, self._consumers, length)

    async def _read_ahead(self, pool: ReadPool) -> None:
        while (at := self.size) < self._target:
            await pool.read_serially(_read, self._path, self._consumers, min(at + TURN_BYTES, self._target))
            if self.size == at or not pool.leisure:
                return

    async def _read_in_parallel(self, length: int, pool: ReadPool) -> None:
        """Every purpose reads for itself."""
        self.content_hash.pass_known(length)
        self._blocks.offset = self.content_hash.size
        ways = [(consumer, length) for consumer in self._consumers]
        if (music := self.parser.detach_music_crc()) is not None:
            ways.append((Consumer(music.crc.update, music.start, CRC_READ_BYTES), min(music.stop, length)))
        tasks = [asyncio.create_task(self._read_consumer(consumer, stop, pool)) for consumer, stop in ways]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _read_consumer(self, consumer: Consumer, stop: int, pool: ReadPool) -> None:
        while (at := consumer.offset) < stop:
            await pool.read(_read, self._path, [consumer], min(at + TURN_BYTES, stop))
            if consumer.offset == at:
                return


def _read(path: Path, consumers: Sequence[Consumer], stop: int) -> None:
    """Gives the file's bytes up to `stop` to strands that stand at the same place."""
    at, size = consumers[0].offset, consumers[0].read_bytes
    with path.open("rb", buffering=0) as file:
        file.seek(at)
        while at < stop and (piece := file.read(min(size, stop - at))):
            at += len(piece)
            for consumer in consumers:
                consumer.consume(piece)
                consumer.offset = at
