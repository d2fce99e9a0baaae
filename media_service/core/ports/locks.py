"""Contract for locks between processes."""

from __future__ import annotations

from typing import Protocol


class Locks(Protocol):
    """Locks by name. Each has one holder among all tasks of all processes, and is free once that process has died."""

    async def acquire(self, name: str, seconds: float) -> bool:
        """Return True with the lock held, False if it is not free within so many seconds; 0 tries once.

        Raise StorageError.
        """

    def release(self, name: str) -> None:
        """Free a lock that this process holds."""
