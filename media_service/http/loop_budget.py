"""Fairness between bodies: for how long one turn of the event loop may go on with them.

A fast client's next block is always there already. Without a bound, two dozen of them fill a turn of the loop with
milliseconds of hashing and writing, and whoever only asks for a status waits behind them all. The bound is one of
time, not of blocks: a block that waits has left the processor's cache when it is written, and one that is not hashed,
or small, need not wait.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET_SECONDS = 0.0005
"""Of a turn, behind which no other block is begun. With four times as much, sixteen uploads in slices of 1 MiB cost a
twentieth less, and the slowest of a hundred answers about a status takes twice as long."""


class LoopBudget:
    """Lets callers go on for `seconds` in each turn of the loop, and at least one; the others keep their order."""

    def __init__(self, seconds: float = BUDGET_SECONDS, clock: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._clock = clock
        self._deadline: float | None = None

    async def checkpoint(self) -> None:
        """Returns when the caller may handle one block."""
        while self._deadline is not None and self._clock() >= self._deadline:  # noqa: ASYNC110, a turn of the loop is no event
            # The loop's own queue keeps the order: who is ahead has no more blocks to hand than its buffer holds.
            await asyncio.sleep(0)
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds
            asyncio.get_running_loop().call_soon(self._reset)

    def _reset(self) -> None:
        self._deadline = None
