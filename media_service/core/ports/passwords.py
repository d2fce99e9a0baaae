"""Contract for hashing passwords."""

from __future__ import annotations

from typing import Protocol


class Passwords(Protocol):
    """Hashes passwords slowly, one at a time. Both raise TooManyRequests while too many others wait."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with its salt and parameters."""

    async def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password has this hash. None takes as long and is False: nobody learns who has one."""
