"""SHA-256 of a body beside the event loop, while the loop receives the body's next blocks.

Receiving and hashing cost about the same, so that on one processor a checked slice would come half as fast. A hop to a
thread costs as much as hashing some ten KiB: small blocks are hashed where they are, and what gathers while a thread
works goes to it in one hop.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WORTH_A_HOP = 64 * 1024
"""Bytes of a block from which it is hashed in a thread."""

AHEAD = 1024 * 1024
"""Bytes of a body that may wait to be hashed before the socket is held back."""


class Hashing:
    """The threads that hash bodies."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "hashing")

    def begin(self) -> BodyDigest:
        """For a new body."""
        return BodyDigest(self._threads)


class BodyDigest:
    """The SHA-256 of one body, in the order in which its blocks are given. `waiting`: bytes not yet handed over."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._seen = hashlib.sha256()
        self._blocks: list[bytes] = []
        self.waiting = 0
        self._working: asyncio.Future[None] | None = None

    async def update(self, block: bytes) -> None:
        """Takes the next block; returns when there is room for another."""
        if self._working is None and len(block) < WORTH_A_HOP:
            self._seen.update(block)
            return
        self._blocks.append(block)
        self.waiting += len(block)
        self._go_on()
        while self.waiting > AHEAD:
            await self._worked()

    async def digest(self) -> bytes:
        """The digest of all that was given, 32 bytes."""
        while self._working is not None:
            await self._worked()
        return self._seen.digest()

    def _go_on(self) -> None:
        if self._working is None and self._blocks:
            blocks, self._blocks, self.waiting = self._blocks, [], 0
            self._working = asyncio.get_running_loop().run_in_executor(self._threads, self._hash, blocks)
            self._working.add_done_callback(self._done)

    def _done(self, working: asyncio.Future[None]) -> None:
        self._working = None
        # Hashing bytes cannot fail; a body that was given up may have cancelled it.
        if not working.cancelled():
            self._go_on()

    async def _worked(self) -> None:
        if self._working is not None:
            await asyncio.wait([self._working])

    def _hash(self, blocks: Sequence[bytes]) -> None:
        for block in blocks:
            self._seen.update(block)
