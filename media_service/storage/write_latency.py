"""Choose where to write: on the event loop while the disk is fast, in a thread while it is slow.

Copying a block that was just received to the page cache costs less than handing it to a thread. But if the disk is slow
or too many pages are dirty, `write` blocks, and with it the event loop. So every write is timed. This depends on the
disk and not on the load of the event loop.
"""

from __future__ import annotations

SLOW_SECONDS = 0.010
"""A longer write sends the next ones to a thread; 1 MiB into the page cache takes well under 1 ms."""

FAST_SECONDS = 0.002
"""A shorter write in a thread counts as fast."""

FAST_WRITES = 16
"""Consecutive fast writes after which writes return to the event loop."""


class WriteLatency:
    """Latency of writes to one disk."""

    def __init__(self) -> None:
        self._fast_writes_needed = 0

    @property
    def is_low(self) -> bool:
        """Return whether the next write may run on the event loop."""
        return not self._fast_writes_needed

    def record(self, seconds: float) -> None:
        """Count a write that took this long."""
        if seconds > SLOW_SECONDS:
            self._fast_writes_needed = FAST_WRITES
        elif self._fast_writes_needed and seconds < FAST_SECONDS:
            self._fast_writes_needed -= 1
