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
    from media_service.media.inspection.read_pool import Readers

READ = 1024 * 1024
"""Bytes that are read and hashed at once."""

FOLDED = READ // 4
"""Bytes that are read at once for LAME's CRC: computing it keeps the interpreter's lock from all others."""

STRIDE = 4 * READ
"""Bytes after which a thread is free for another file, or for another purpose."""


@dataclass(slots=True)
class Strand:
    """What takes a file's bytes in order, so many at once: it has those before `at`."""

    take: Callable[[bytes], object]
    at: int = 0
    piece: int = READ


class Following:
    """One file that is read as far as its bytes are recorded. `length` is its announced length."""

    def __init__(self, path: Path, length: int | None) -> None:
        self._path = path
        self._length = length
        self._known: dict[int, bytes] = {}
        self._target = 0
        self._reading: asyncio.Task[None] | None = None
        self.whole = hashlib.sha256()
        self.content = ContentHash(self._known)
        self.walk = FrameParser()
        self._blocks = Strand(self.content.update)
        self._strands = [Strand(self.walk.feed), Strand(self.whole.update), self._blocks]

    @property
    def size(self) -> int:
        """Bytes that were read for every purpose."""
        return min(strand.at for strand in self._strands)

    def learn(self, pieces: Iterable[Slice]) -> None:
        """Slices whose digests were proven on their way in: blocks that need no hashing of their own."""
        for piece in pieces:
            if piece.digest is not None:
                index = leaf_index(piece.start, piece.stop, self._length)
                if index is not None:
                    self._known[index] = piece.digest

    def go_on_to(self, offset: int, readers: Readers) -> asyncio.Task[None]:
        """Reads on to `offset`, behind what is being read already, while there is time."""
        self._target = max(self._target, offset)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_ahead(readers))
        return self._reading

    async def catch_up(self, length: int, readers: Readers) -> None:
        """Reads what is left of a whole file of `length` bytes. One that turns out shorter is read to its end.

        Raises OSError.
        """
        if self._reading is not None:
            self._target = 0
            # What stopped it is met again.
            with suppress(OSError):
                await self._reading
        if length - self.size > STRIDE and self.walk.seen.first is None:
            await readers.read(_read, self._path, self._strands, self.size + STRIDE)
        if length - self.size > STRIDE:
            await self._read_apart(length, readers)
        else:
            await readers.read(_read, self._path, self._strands, length)

    async def _read_ahead(self, readers: Readers) -> None:
        while (at := self.size) < self._target:
            await readers.read_alone(_read, self._path, self._strands, min(at + STRIDE, self._target))
            if self.size == at or not readers.leisure:
                return

    async def _read_apart(self, length: int, readers: Readers) -> None:
        """Every purpose reads for itself."""
        self.content.pass_known(length)
        self._blocks.at = self.content.size
        ways = [(strand, length) for strand in self._strands]
        if (music := self.walk.lend_music()) is not None:
            ways.append((Strand(music.crc.update, music.start, FOLDED), min(music.stop, length)))
        tasks = [asyncio.create_task(self._read_on(strand, stop, readers)) for strand, stop in ways]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _read_on(self, strand: Strand, stop: int, readers: Readers) -> None:
        while (at := strand.at) < stop:
            await readers.read(_read, self._path, [strand], min(at + STRIDE, stop))
            if strand.at == at:
                return


def _read(path: Path, strands: Sequence[Strand], stop: int) -> None:
    """Gives the file's bytes up to `stop` to strands that stand at the same place."""
    at, size = strands[0].at, strands[0].piece
    with path.open("rb", buffering=0) as file:
        file.seek(at)
        while at < stop and (piece := file.read(min(size, stop - at))):
            at += len(piece)
            for strand in strands:
                strand.take(piece)
                strand.at = at
