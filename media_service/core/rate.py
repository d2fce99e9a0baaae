"""How slowly bytes may come."""

from __future__ import annotations


class RateFloor:
    """At least `rate` bytes a second, on the average of each window of so many seconds. Callers say what time it is."""

    __slots__ = ("_bytes", "_due", "_least", "_seconds")

    def __init__(self, rate: float, seconds: float, now: float) -> None:
        self._least = rate * seconds
        self._seconds = seconds
        self._bytes = 0
        self._due = now + seconds

    def count(self, size: int, now: float) -> bool:
        """Count bytes that came; False if a window is over in which too few came. The next window then begins."""
        self._bytes += size
        if now < self._due:
            return True
        enough = self._bytes >= self._least
        self._bytes, self._due = 0, now + self._seconds
        return enough
