"""The lock on a person, a link or a collection: a change saves the whole of what it has read."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import ChangedMeanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.core.ports.locks import Locks

MAX_WAIT_SECONDS = 20.0


@asynccontextmanager
async def change_lock(locks: Locks, subject: str) -> AsyncIterator[None]:
    """Exclude other changes of the subject, in all processes: they would be undone by saving what was read before.

    Raise ChangedMeanwhile if another one is not done within MAX_WAIT_SECONDS.
    """
    name = f"change:{subject}"
    if not await locks.acquire(name, MAX_WAIT_SECONDS):
        raise ChangedMeanwhile
    try:
        yield
    finally:
        locks.release(name)
