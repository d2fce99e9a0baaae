"""Decide from the load of the event loop when reads, finalizing and loudness analysis may run.

Writes depend on the latency of their disk and not on the loop, so `storage/write_latency.py` decides about them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """When the event loop counts as busy, and how long finalizing pauses while uploads arrive."""

    window_seconds: float = 0.1
    """Interval over which the loop's processor time is averaged."""

    busy_share: float = 0.3
    """Share of a processor above which the loop is busy. One sender at 1 Gbit/s needs less. Read-ahead takes processor
    time from the loop, which then looks idler than it is; a higher limit would not notice the sender."""

    cooldown_seconds: float = 1.0
    """Time without a busy window before the loop counts as idle again."""

    receiving_seconds: float = 0.25
    """Time after the last received block for which uploads count as arriving."""

    pause_factor: float = 9.0
    """Pause of a worker after finalizing an upload while others arrive, as a multiple of the time it took and of the
    number of workers: all workers together then use a tenth of one worker's time."""

    max_pause_seconds: float = 1.0
    """Maximum of that pause: a large upload takes seconds, and the next ones must not wait for nine times as long."""


class LoadMonitor:
    """`core.ports.load.Load`. `clock` returns wall time in seconds, `used` the processor time of the calling thread."""

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
        self._receiving_until = 0.0

    @property
    def idle(self) -> bool:
        """Whether no window within the cooldown was busy."""
        self._sample()
        return self._clock() >= self._busy_until

    @property
    def idle_now(self) -> bool:
        """Whether the last window was not busy."""
        self._sample()
        return not self._busy

    def note_receiving(self) -> None:
        """See `core.ports.load.Load`."""
        self._receiving_until = self._clock() + self._limits.receiving_seconds

    @property
    def receiving(self) -> bool:
        """See `core.ports.load.Load`."""
        return self._clock() < self._receiving_until

    def pause_after(self, seconds: float, workers: int) -> float:
        """See `core.ports.load.Load`."""
        if not self.receiving:
            return 0.0
        return min(seconds * self._limits.pause_factor * workers, self._limits.max_pause_seconds)

    def _sample(self) -> None:
        now, limits = self._clock(), self._limits
        if now - self._window_start >= limits.window_seconds:
            used = self._used()
            self._busy = used - self._window_used > limits.busy_share * (now - self._window_start)
            if self._busy:
                self._busy_until = now + limits.cooldown_seconds
            self._window_start, self._window_used = now, used
