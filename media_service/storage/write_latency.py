"""Where a write happens: on the event loop while the disk takes it at once, in a thread while it does not.

A block that was just received is in the processor's cache, and copying it to the page cache costs less than handing it
to a thread. But a disk with too many dirty pages, or a slow one, makes `write` wait, and then the whole loop waits with
it. So every write is timed, wherever it is made.
"""

from __future__ import annotations

SLOW = 0.010
"""Seconds a write may take before the next ones go to a thread; a MiB into the page cache takes well under one
thousandth of a second, a descheduled process rarely loses more than this."""

FAST = 0.002
"""Seconds within which a write in a thread counts as fast again."""

TRUSTED_AFTER = 16
"""How many fast writes in a row bring the writes back to the loop."""


class WriteLatency:
    """The pace of one disk, told by the writes to it."""

    def __init__(self) -> None:
        self._distrust = 0

    @property
    def on_loop(self) -> bool:
        """Whether the next write may be made on the event loop."""
        return not self._distrust

    def took(self, seconds: float) -> None:
        """A write took so long."""
        if seconds > SLOW:
            self._distrust = TRUSTED_AFTER
        elif self._distrust and seconds < FAST:
            self._distrust -= 1
