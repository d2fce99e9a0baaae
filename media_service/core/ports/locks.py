"""Contract for locks between processes."""

from __future__ import annotations

from typing import Protocol


class Locks(Protocol):
    """Locks by name. Each has one holder among all tasks of all processes, and is free once that process has died.

    Locks that are kept by a server are lost when the connection to it breaks, and others may get them. So no rule
    depends on a lock alone: rows have versions. After a loss `acquire` works again, and `release` does nothing.
    """

    async def acquire(self, name: str, seconds: float) -> bool:
        """Return True with the lock held, False if it is not free within so many seconds; 0 tries once.

        Raise StorageError, CatalogueError.
        """

    def release(self, name: str) -> None:
        """Free a lock that this process holds."""

    async def wait_lost(self) -> None:
        """Return when a lock that this process holds was lost, also if that was before the call."""
