"""Contract for locks that exclude tasks of all processes."""

from __future__ import annotations

from typing import Protocol


class Locks(Protocol):
    """Exclusive locks by name. The locks of a process are released when it dies."""

    async def acquire(self, name: str, seconds: float) -> bool:
        """Return whether the lock was acquired within `seconds`; with 0, try once."""

    def release(self, name: str) -> None:
        """Release a lock that `acquire` returned."""
