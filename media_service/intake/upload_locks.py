"""The lock on an upload: of finalizing, late edits, rechecks and ends only one happens at a time, in all processes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import BeingFinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.core.ports.locks import Locks

MAX_WAIT_SECONDS = 20.0
"""Maximum wait for a running attempt to finalize the upload. Clients give up after 30 s and try again."""


def upload_lock(upload_id: str) -> str:
    """Return the name of the upload's lock."""
    return f"upload:{upload_id}"


def file_lock(file_id: str) -> str:
    """Return the name of a finished file's lock."""
    return f"file:{file_id}"


@asynccontextmanager
async def try_locked(locks: Locks, name: str, seconds: float = 0) -> AsyncIterator[bool]:
    """Hold the lock within the block if it is free within `seconds`; yield whether it is held."""
    is_held = await locks.acquire(name, seconds)
    try:
        yield is_held
    finally:
        if is_held:
            locks.release(name)


@asynccontextmanager
async def locked(locks: Locks, name: str) -> AsyncIterator[None]:
    """Hold the lock within the block. Raise BeingFinished if it is not free within MAX_WAIT_SECONDS."""
    async with try_locked(locks, name, MAX_WAIT_SECONDS) as is_held:
        if not is_held:
            raise BeingFinished
        yield
