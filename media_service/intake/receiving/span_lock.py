"""Lock the bytes of a slice against writers of other processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors.service import ChangedMeanwhile, StorageError
from media_service.intake.topics import SUPERSEDE

if TYPE_CHECKING:
    from media_service.core.ports.upload_store import SliceWriter
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.leases import Lease

FIRST_POLL_SECONDS, LAST_POLL_SECONDS = 0.002, 0.05
"""Delays between attempts to lock bytes that a writer of another process has, doubling."""

MAX_LOCK_SECONDS = 20.0
"""Maximum wait for that writer: it ends at its next block, but may be waiting for a slow disk."""


async def lock_span(deps: Dependencies, upload_id: str, writer: SliceWriter, lease: Lease) -> bool:
    """Lock the writer's bytes; a writer of another process that has them is asked to end.

    Return False if the partial was deleted since it was opened. Raise ChangedMeanwhile, Superseded.
    """
    clock = asyncio.get_running_loop().time
    give_up, delay = clock() + MAX_LOCK_SECONDS, FIRST_POLL_SECONDS
    while True:
        try:
            if writer.try_lock():
                return True
        except StorageError:
            return False
        if clock() > give_up:
            raise ChangedMeanwhile
        deps.bus.publish(SUPERSEDE, upload_id, lease.start, lease.stop, deps.active_uploads.origin)
        await asyncio.sleep(delay)
        delay = min(2 * delay, LAST_POLL_SECONDS)
        lease.check()
