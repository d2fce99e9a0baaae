"""Hash passwords by Argon2id (RFC 9106), one at a time, in a thread.

The parameters are a choice of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane; 24 ms of a processor
here. argon2-cffi releases the interpreter's lock meanwhile. A process that has hashed keeps these 19 MiB.
"""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from media_service.core.errors.limits import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
MAX_WAITING = 8
"""Hashes that wait for the one that is being computed: as many as make one that comes last wait for a second."""

RETRY_SECONDS = 1

# Its digest belongs to no password that anyone knows, so verifying one only takes as long as with a real hash.
_NOBODYS_HASH = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"

_Result = TypeVar("_Result")


class PasswordHasher:
    """See `core.ports.passwords`."""

    def __init__(self) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=32, salt_len=16
        )
        # One thread bounds the memory: 8 hashes at once would take 152 MiB.
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._pending = 0

    async def hash(self, password: str) -> str:
        """See `core.ports.passwords`."""
        return await self._in_turn(lambda: self._argon2.hash(_encoded(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """See `core.ports.passwords`."""

        def is_right() -> bool:
            try:
                return self._argon2.verify(stored or _NOBODYS_HASH, _encoded(password))
            except (VerifyMismatchError, InvalidHashError):
                return False

        return await self._in_turn(is_right)

    def close(self) -> None:
        """Drop the hashes that wait, and return when the current one has ended."""
        self._thread.shutdown(cancel_futures=True)

    async def _in_turn(self, work: Callable[[], _Result]) -> _Result:
        if self._pending > MAX_WAITING:
            raise TooManyRequests(RETRY_SECONDS)
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._pending -= 1


def _encoded(password: str) -> bytes:
    """Return the bytes to hash: of NFC, because keyboards differ in how they compose (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
