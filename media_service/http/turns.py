"""Fairness between bodies: how many blocks one turn of the event loop may take.

A fast client's next block is always there already. Without a bound, two dozen of them fill a turn of the loop with
milliseconds of parsing, hashing and writing, and whoever only asks for a status waits behind them all.
"""

from __future__ import annotations

import asyncio
from collections import deque

BLOCKS = 3
"""Blocks of a turn."""


class Turns:
    """Lets `blocks` callers go on in each turn of the loop; the others keep their order."""

    def __init__(self, blocks: int = BLOCKS) -> None:
        self._blocks = blocks
        self._left = blocks
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next_is_due = False

    async def take(self) -> None:
        """Returns when the caller may handle one block."""
        loop = asyncio.get_running_loop()
        if not self._next_is_due:
            self._next_is_due = True
            loop.call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            return
        waiting = loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _next(self) -> None:
        self._left = self._blocks
        while self._left and self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._left -= 1
        self._next_is_due = bool(self._waiting)
        if self._next_is_due:
            asyncio.get_running_loop().call_soon(self._next)
