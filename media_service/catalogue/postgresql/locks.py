"""Named locks between processes of all nodes: advisory locks of PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from media_service.ipc.exclusion import Exclusion

if TYPE_CHECKING:
    from media_service.catalogue.postgresql.session import Row, Session

FIRST_PAUSE_SECONDS = 0.01
LAST_PAUSE_SECONDS = 0.5
"""Bounds of the pause before a lock that another process holds is tried again. A statement that waits would need a
connection for each waiting task."""

_TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
_UNLOCK = "SELECT pg_advisory_unlock(%s)"


class PostgresLocks:
    """`core.ports.locks.Locks`: each name is a number of 64 bits, which the server locks for the session.

    Two names with the same hash are one lock, which is slower and not wrong.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._exclusion = Exclusion(
            self._try_lock, self._unlock, first_pause=FIRST_PAUSE_SECONDS, last_pause=LAST_PAUSE_SECONDS
        )
        self._broken: dict[int, asyncio.Event] = {}

    async def acquire(self, name: str, seconds: float) -> bool:
        """See `core.ports.locks`."""
        return await self._exclusion.acquire(_key(name), seconds)

    def release(self, name: str) -> None:
        """See `core.ports.locks`."""
        self._exclusion.release(_key(name))

    async def wait_lost(self) -> None:
        """See `core.ports.locks`."""
        while not any(broken.is_set() for broken in self._broken.values()):
            broken = self._session.broken
            await (self._session.wait_connected() if broken.is_set() else broken.wait())

    async def _try_lock(self, key: int) -> bool:
        broken, tried = self._session.broken, self._session.execute(_TRY_LOCK, key)
        try:
            rows = await asyncio.shield(tried)
        except asyncio.CancelledError:
            tried.add_done_callback(lambda done: self._give_back(key, done))
            raise
        if not rows[0][0]:
            return False
        self._broken[key] = broken
        return True

    def _give_back(self, key: int, tried: asyncio.Future[list[Row]]) -> None:
        """Unlock what was locked for a task that was cancelled. If another task has locked it again, it stays so."""
        if not tried.cancelled() and tried.exception() is None and tried.result()[0][0]:
            self._session.execute(_UNLOCK, key)

    def _unlock(self, key: int) -> None:
        # A lock of an earlier connection is free already, and may be another process's.
        if not self._broken.pop(key).is_set():
            self._session.execute(_UNLOCK, key)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
