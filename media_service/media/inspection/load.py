"""Whether there is time for what can wait.

Reading behind the offset spares a file's end the wait for its digests, but it takes a processor, and the interpreter's
lock, from those who are sending. Over a network they never need all of it. On one machine, or in a fast studio's, they
do, and then it is better to receive now and to read afterwards.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 0.1
"""Seconds over which the event loop's work is averaged."""

BUSY = 0.3
"""Share of a processor that the loop may need before what can wait waits. One sender at 1 Gbit/s needs less; whoever
takes its processor, as reading ahead does, makes the loop look idler than it is, hence no more."""

REST = 1.0
"""Seconds for which a loop that was busy counts as busy."""


class Leisure:
    """Told by the processor time of the event loop's thread, so every call must be made there.

    `clock` and `used` give seconds: of the wall, and of processor time that the calling thread has had.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock = clock
        self._used = used
        self._begun = clock()
        self._before = used()
        self._busy = False
        self._busy_until = 0.0

    def __bool__(self) -> bool:
        """Whether the loop had time to spare lately."""
        self._look()
        return self._clock() >= self._busy_until

    @property
    def now(self) -> bool:
        """Whether the loop had time to spare when it was last looked at, whatever was before."""
        self._look()
        return not self._busy

    def _look(self) -> None:
        now = self._clock()
        if now - self._begun >= WINDOW:
            used = self._used()
            self._busy = used - self._before > BUSY * (now - self._begun)
            if self._busy:
                self._busy_until = now + REST
            self._begun, self._before = now, used
