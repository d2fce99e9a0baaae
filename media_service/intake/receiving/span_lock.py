"""Lock the bytes of a slice against writers of other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.service import ChangedMeanwhile, StorageError
from media_service.core.errors.uploads import SpanOverlaps
from media_service.intake.backoff import Backoff
from media_service.intake.topics import SUPERSEDE

MULTIPART_OVERHEAD_BYTES = 4096
"""Bytes of a request that are not the slice's, at most in sensible clients: the page has 600."""

if TYPE_CHECKING:
    from media_service.core import admission
    from media_service.core.ports.upload_store import SliceWriter
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.leases import Lease
    from media_service.intake.receiving.slice_request import SliceRequest

MAX_LOCK_SECONDS = 20.0
"""Maximum wait for that writer: it ends at its next block, but may be waiting for a slow disk."""


async def lock_more(deps: Dependencies, upload_id: str, writer: SliceWriter, start: int, stop: int) -> None:
    """Lock more bytes for a slice of unknown size. Raise SpanOverlaps if another process has or recorded them."""
    peeked = await deps.catalogue.peek(upload_id, start, stop) if writer.extend(stop) else None
    if peeked is None or peeked[1]:
        raise SpanOverlaps(start, stop)


async def lock_span(deps: Dependencies, upload_id: str, writer: SliceWriter, lease: Lease) -> bool:
    """Lock the writer's bytes; a writer of another process that has them is asked to end.

    Return False if the partial was deleted since it was opened. Raise ChangedMeanwhile, Superseded.
    """
    backoff = Backoff(MAX_LOCK_SECONDS)
    while True:
        try:
            if writer.try_lock():
                return True
        except StorageError:
            return False
        origin = deps.active_uploads.origin
        deps.bus.publish(SUPERSEDE, upload_id, lease.start, lease.stop, lease.arrived, origin)
        if not await backoff.pause():
            raise ChangedMeanwhile
        lease.check()


def lock_ahead(writer: SliceWriter, window: admission.WriteWindow, request: SliceRequest) -> int:
    """Lock what the slice will have, to ask the catalogue once and not for each block; return the end of it.

    The writer of the bytes after a slice waits if more is locked.
    """
    if request.size is not None:
        return window.start + request.size
    first = window.start + 1
    if request.most is None:
        return first
    stop = min(window.limit, window.start + request.most - (0 if request.appends else MULTIPART_OVERHEAD_BYTES))
    return stop if stop > first and writer.extend(stop) else first
