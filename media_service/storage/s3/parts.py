"""Plan of what parts an object is made: copied inside of the store, or joined by this process.

S3 takes at most 10,000 parts; each but the last has at least 5 MiB, and at most 5 GiB. So small neighbours, and bytes
that are not in the store yet, are joined with bytes of what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from media_service.core.files import ObjectRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIB = 1024 * 1024
MIN_PART_BYTES = 5 * MIB
MAX_PARTS = 10_000

MAX_COPY_BYTES = 256 * MIB
"""Largest copied part: far below S3's limit, so that each request ends soon and several run at once."""

MAX_OBJECT_BYTES = (MAX_PARTS - 1) * MAX_COPY_BYTES // 4
"""625 GiB; larger objects would need parts that are too large to be joined in memory."""


@dataclass(frozen=True, slots=True)
class LocalRange:
    """The bytes `[start, stop)` of some that the process has; `key` is their number."""

    key: int
    start: int
    stop: int


Piece = LocalRange | ObjectRange


@dataclass(frozen=True, slots=True)
class Joined:
    """A part that this process sends: of less than twice the smallest part's size."""

    pieces: tuple[Piece, ...]


Part = Joined | ObjectRange
"""A part; a range of an object is copied."""


def size_of(piece: Piece) -> int:
    """Return the number of bytes."""
    return piece.stop - piece.start


def plan_parts(pieces: Sequence[Piece]) -> list[Part]:
    """Return the parts of an object of these pieces. Raise ValueError if it has more than MAX_OBJECT_BYTES."""
    total = sum(map(size_of, pieces))
    if total > MAX_OBJECT_BYTES:
        raise ValueError(f"an object of {total} bytes would have too large parts")
    # Each part but the last is at least this large, so there are never too many.
    planner = _Planner(max(MIN_PART_BYTES, -(-total // (MAX_PARTS - 1))))
    merged = list(_merged(pieces))
    for index, piece in enumerate(merged, 1):
        if isinstance(piece, LocalRange):
            planner.send(piece)
        else:
            planner.copy(piece, is_last=index == len(merged))
    planner.flush()
    return planner.parts


def _merged(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces that are not empty; ranges of one object that follow each other become one."""
    previous: Piece | None = None
    for piece in filter(size_of, pieces):
        if previous is None:
            previous = piece
        elif (type(piece), piece.key, piece.start) == (type(previous), previous.key, previous.stop):
            previous = replace(previous, stop=piece.stop)
        else:
            yield previous
            previous = piece
    if previous:
        yield previous


class _Planner:
    """Collects pieces until they are a part."""

    def __init__(self, smallest: int) -> None:
        self.parts: list[Part] = []
        self._smallest = smallest
        self._pending: list[Piece] = []
        self._pending_bytes = 0

    def send(self, piece: LocalRange) -> None:
        """Add bytes that the process has."""
        while size_of(piece):
            if self._pending_bytes >= self._smallest:
                self.flush()
            most = 2 * self._smallest - 1 - self._pending_bytes
            cut = min(piece.start + most, piece.stop)
            self._join(replace(piece, stop=cut))
            piece = replace(piece, start=cut)

    def copy(self, piece: ObjectRange, *, is_last: bool) -> None:
        """Add bytes of an object, sending as few as possible. Only the last part may be small."""
        if self._pending_bytes >= self._smallest:
            self.flush()
        if self._pending:
            needed = self._smallest - self._pending_bytes
            left = size_of(piece) - needed
            # A rest that is too small to be copied is sent too: left for the next part, it would take 5 MiB with it.
            cut = piece.start + needed if left >= self._smallest or (is_last and left > 0) else piece.stop
            self._join(piece if cut == piece.stop else ObjectRange(piece.key, piece.start, cut))
            if self._pending_bytes >= self._smallest:
                self.flush()
            piece = ObjectRange(piece.key, cut, piece.stop)
        if is_last or size_of(piece) >= self._smallest:
            self._copy(piece)
        elif size_of(piece):
            self._join(piece)

    def flush(self) -> None:
        """Make a part of the pending pieces."""
        if self._pending:
            self.parts.append(Joined(tuple(self._pending)))
            self._pending, self._pending_bytes = [], 0

    def _join(self, piece: Piece) -> None:
        self._pending.append(piece)
        self._pending_bytes += size_of(piece)

    def _copy(self, piece: ObjectRange) -> None:
        """Copy the range in equal parts."""
        count = -(-size_of(piece) // MAX_COPY_BYTES)
        bounds = [piece.start + size_of(piece) * index // max(count, 1) for index in range(count + 1)]
        self.parts += [ObjectRange(piece.key, start, stop) for start, stop in pairwise(bounds)]
