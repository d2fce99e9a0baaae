"""Minimum rate of a body."""

from __future__ import annotations


class RateFloor:
    """A minimum of `rate` bytes per second, averaged over windows of `seconds`. Callers pass the time."""

    __slots__ = ("_bytes", "_due", "_least", "_seconds")

    def __init__(self, rate: float, seconds: float, now: float) -> None:
        self._least = rate * seconds
        self._seconds = seconds
        self._bytes = 0
        self._due = now + seconds

    def count(self, size: int, now: float) -> bool:
        """Count bytes; return False if a window has ended with too few. The next window then begins."""
        self._bytes += size
        if now < self._due:
            return True
        enough = self._bytes >= self._least
        self._bytes, self._due = 0, now + self._seconds
        return enough
