"""SHA-256 of a slice that is being received: computed here, or of what lies in the file, in the process aside."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from media_service.storage.answers import outcome

if TYPE_CHECKING:
    from media_service.aside.line import Line

TOLD_EVERY = 2 * 1024 * 1024
"""Bytes after which the process aside is told to read on: with the last byte of a slice only a rest is left to read.

Told every MiB, three slices at once come 6 % slower, and one alone 6 % faster."""


class InlineDigest:
    """`core.ports.SliceDigest`, computed while the bytes are still in the processor's cache."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, block: bytes) -> None:
        """These bytes were written."""
        self._sha.update(block)

    async def value(self) -> bytes:
        """The digest."""
        return self._sha.digest()

    def give_up(self) -> None:
        """Nothing is kept elsewhere."""


class AsideDigest:
    """`core.ports.SliceDigest` of what lies in the file: stronger than one of what came by the socket.

    Nobody else writes there meanwhile: whoever receives the slice has the lease on its bytes until it is recorded.
    """

    def __init__(self, line: Line, number: int, path: bytes, start: int) -> None:
        self._line = line
        self._number = number
        self._path = path
        self._start = self._told = self._at = start

    def update(self, block: bytes) -> None:
        """These bytes were written."""
        self._at += len(block)
        if self._at - self._told >= TOLD_EVERY:
            self._told = self._at
            self._line.tell(self._question())

    async def value(self) -> bytes:
        """The digest. Raises StorageTrouble where the bytes cannot be read back."""
        asking = self._line.ask(self._question())
        await asyncio.wait([asking])
        digest = outcome(asking)
        assert digest is not None
        return digest

    def give_up(self) -> None:
        """The slice is given up."""
        self._line.tell(("drop", self._number))

    def _question(self) -> tuple[str, int, bytes, int, int]:
        return "digest", self._number, self._path, self._start, self._at
