"""How many connections each of several processes has, in memory that they share.

Processes that wait for the same listening socket are all woken by a new connection, and the first takes it: of 8
connections at once one of two processes took 7 (median of 12 rounds), since the one that is awake goes on accepting.
"""

from __future__ import annotations

import mmap

MAX_PROCESSES = 256
"""Processes at the same time, with those that retire."""


_FREE = 0
_NOT_ACCEPTING = 2**32 - 1


class Shares:
    """The counts of all processes. Create it before they are forked; only the parent takes and frees numbers."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * MAX_PROCESSES)).cast("I")

    def take(self) -> Share:
        """Return the share of a new process. Raise BlockingIOError if there are too many."""
        number = next((number for number, count in enumerate(self._counts) if count == _FREE), None)
        if number is None:
            raise BlockingIOError(f"{MAX_PROCESSES} processes run")
        self._counts[number] = _NOT_ACCEPTING
        return Share(self._counts, number)


class Share:
    """The count of one process among the others'."""

    def __init__(self, counts: memoryview[int], number: int) -> None:
        self._counts = counts
        self._number = number
        self._left = False

    def publish(self, count: int) -> None:
        """Tell the others how many connections this process has: it accepts more, unless it has left."""
        if not self._left:
            self._counts[self._number] = 1 + count

    def is_ahead(self) -> bool:
        """Return whether another process that accepts has fewer connections."""
        return self._counts[self._number] > min(filter(None, self._counts))

    def leave(self) -> None:
        """Tell the others that this process accepts no more."""
        self._left = True
        self._counts[self._number] = _NOT_ACCEPTING

    def free(self) -> None:
        """Give the number to the next process; for the parent, when this one has ended."""
        self._counts[self._number] = _FREE
