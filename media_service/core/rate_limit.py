"""Rates of requests, as token buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from media_service.core.errors.limits import TooManyRequests

_ROUNDING_SECONDS = 1e-6
"""Sums of intervals differ by less than this from what they should be; without it the last of a burst is refused."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket of `burst` tokens, into which `per_minute` come back. A request takes one.

    All that must be kept of a bucket is the time at which it is full again (the generic cell rate algorithm, ITU-T
    I.371): one that is past, or none, is a full bucket. Times are seconds of a clock that never runs backwards.
    """

    per_minute: float
    burst: int

    def take(self, full_at: float, now: float) -> float:
        """Return when the bucket is full after one more token was taken. Raise TooManyRequests if it has none."""
        after = self.spend(full_at, now)
        missing = after - now - self._seconds_to_fill
        if missing > _ROUNDING_SECONDS:
            raise TooManyRequests(math.ceil(missing))
        return after

    def spend(self, full_at: float, now: float) -> float:
        """Return when the bucket is full after a token that was taken elsewhere, even if it had none."""
        return max(full_at, now) + 60 / self.per_minute

    @property
    def _seconds_to_fill(self) -> float:
        return self.burst * 60 / self.per_minute
