"""Whether the event loop has time to spare for work that can wait.

Read-ahead saves the wait for the digests at a file's end, but it takes a processor, and the interpreter's lock, from
receiving. A network leaves enough of both. A sender on the same machine does not: then it is faster to receive first
and to read afterwards.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """When the event loop counts as busy."""

    window_seconds: float = 0.1
    """Interval over which the loop's processor time is averaged."""

    busy_share: float = 0.3
    """Share of a processor above which the loop is busy. One sender at 1 Gbit/s needs less. Read-ahead takes processor
    time from the loop, which then looks idler than it is; a higher limit would not notice the sender."""

    cooldown_seconds: float = 1.0
    """Time without a busy window before the loop counts as idle again."""


class LoadMonitor:
    """Measure the processor time of the event loop's thread. Every call must be made in that thread. `clock` and `used`
    return seconds: wall time, and processor time of the calling thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
        limits: LoadLimits | None = None,
    ) -> None:
        self._clock = clock
        self._used = used
        self._limits = limits or LoadLimits()
        self._window_start = clock()
        self._window_used = used()
        self._busy = False
        self._busy_until = 0.0

    @property
    def idle(self) -> bool:
        """Whether no window within the cooldown was busy: new work that can wait may start."""
        self._sample()
        return self._clock() >= self._busy_until

    @property
    def idle_now(self) -> bool:
        """Whether the last window was not busy: work that is waited for may run in parallel."""
        self._sample()
        return not self._busy

    def _sample(self) -> None:
        now, limits = self._clock(), self._limits
        if now - self._window_start >= limits.window_seconds:
            used = self._used()
            self._busy = used - self._window_used > limits.busy_share * (now - self._window_start)
            if self._busy:
                self._busy_until = now + limits.cooldown_seconds
            self._window_start, self._window_used = now, used
