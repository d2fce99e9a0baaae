"""Schedule the finalizing of uploads: which is next, how many run at a time, when failed ones are retried.

The first worker takes only small uploads, so that these never wait for large ones. Senders take turns; those whose
uploads were slow share one of the other workers. The queue is only in memory: the states in the catalogue say what has
to be finalized.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.intake.finalizing.fair_queue import FairQueue, Sender, sender_of
from media_service.intake.topics import WAITING
from media_service.intake.upload_locks import try_locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.ports.bus import Bus
    from media_service.core.ports.locks import Locks
    from media_service.core.upload import Upload

LARGE_UPLOAD_BYTES = 64 * 1024 * 1024
"""Size from which an upload is large: finalizing it takes seconds."""

SLOW_SECONDS = 2.0
"""Time of finalizing a small upload above which its sender counts as slow; 0.05 s is usual."""

SLOW_SENDER_SECONDS = 60.0
"""Time for which a sender counts as slow."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
"""First and longest delay before an upload is retried after an error; it doubles each time."""

LOCK_SECONDS = 1.0
"""Wait for an upload's lock, before its sender's next turn."""

MAX_FAULTS = 4
"""Unexpected exceptions after which an upload is `finalize_failed` and not retried before the next start."""

log = structlog.get_logger()


class FinalizeQueue:
    """Run `workers` workers, at least two, of which the first takes no large uploads.

    `finalize_one` returns False if the upload waits for another one, which enqueues it when it ends.
    `record_fault` is called with an upload that met MAX_FAULTS unexpected exceptions.
    """

    def __init__(
        self,
        workers: int,
        finalize_one: Callable[[str], Awaitable[bool]],
        record_fault: Callable[[str], Awaitable[None]],
        *,
        locks: Locks,
        bus: Bus,
    ) -> None:
        self._workers = workers
        self._finalize_one = finalize_one
        self._record_fault = record_fault
        self._locks = locks
        self._bus = bus
        self._waiting = FairQueue()
        self._busy: set[str] = set()
        self._slow_until: dict[Sender, float] = {}
        self._slow_busy: set[str] = set()
        self._more = asyncio.Event()
        self._delays: dict[str, float] = {}
        self._faults: dict[str, int] = {}
        self._known: set[str] = set()
        self._published = 0

    def enqueue(self, upload: Upload) -> None:
        """Finalize this upload soon."""
        self._known.add(upload.id)
        self._waiting.put(upload)
        self._publish_waiting()
        self._more.set()

    def knows(self, upload_id: str) -> bool:
        """Return whether the upload is enqueued, is being finalized, waits for another one or for its retry."""
        return upload_id in self._known

    def note_slow(self, upload: Upload) -> None:
        """Count the sender of this upload as slow for a while: it then delays only itself."""
        now = asyncio.get_running_loop().time()
        self._slow_until = {sender: until for sender, until in self._slow_until.items() if until > now}
        self._slow_until[sender_of(upload)] = now + SLOW_SENDER_SECONDS

    @property
    def idle(self) -> bool:
        """Return whether no upload is being finalized or waits for it."""
        return not self._waiting and not self._busy

    async def run_workers(self) -> None:
        """Finalize what is enqueued, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._run_worker(slow_too=number > 0))

    async def _run_worker(self, *, slow_too: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            upload = await self._next(slow_too=slow_too)
            begun = loop.time()
            try:
                await self._try(upload)
            finally:
                self._slow_busy.discard(upload.id)
                self._busy.discard(upload.id)
                self._more.set()
            if loop.time() - begun > SLOW_SECONDS and not _is_large(upload):
                self.note_slow(upload)

    async def _next(self, *, slow_too: bool) -> Upload:
        """Return the first upload that this worker may take. One that is being finalized has to wait for the end."""
        while True:
            upload = self._waiting.pop(lambda upload: self._may_take(upload, slow_too=slow_too))
            if upload is not None:
                self._publish_waiting()
                self._busy.add(upload.id)
                if self._is_slow(upload):
                    self._slow_busy.add(upload.id)
                return upload
            self._more.clear()
            await self._more.wait()

    def _may_take(self, upload: Upload, *, slow_too: bool) -> bool:
        if upload.id in self._busy:
            return False
        if self._is_slow(upload):
            return slow_too and not self._slow_busy
        return slow_too or not _is_large(upload)

    def _is_slow(self, upload: Upload) -> bool:
        return self._slow_until.get(sender_of(upload), 0.0) > asyncio.get_running_loop().time()

    async def _try(self, upload: Upload) -> None:
        async with try_locked(self._locks, upload_lock(upload.id), LOCK_SECONDS) as is_held:
            if not is_held:
                # A late edit or a recheck works on the upload at the moment.
                self.enqueue(upload)
                return
            try:
                if await self._finalize_one(upload.id):
                    self._forget(upload.id)
            except (ServiceError, OSError) as trouble:
                self._try_later(upload, str(trouble))
            except Exception:
                # The top of a task: without this, one bug would end all workers.
                log.exception("finishing failed", upload=upload.id)
                await self._count_fault(upload)

    def _try_later(self, upload: Upload, why: str) -> None:
        delay = self._delays.get(upload.id, FIRST_RETRY_SECONDS)
        self._delays[upload.id] = min(delay * 2, LAST_RETRY_SECONDS)
        log.warning("finishing goes on later", upload=upload.id, seconds=delay, trouble=why)
        asyncio.get_running_loop().call_later(delay, self.enqueue, upload)

    async def _count_fault(self, upload: Upload) -> None:
        """Retry the upload after an unexpected exception, or record the fault after MAX_FAULTS of them."""
        self._faults[upload.id] = self._faults.get(upload.id, 0) + 1
        if self._faults[upload.id] < MAX_FAULTS:
            self._try_later(upload, "a fault of ours")
            return
        try:
            await self._record_fault(upload.id)
        except ServiceError as trouble:
            log.warning("a fault could not be noted", upload=upload.id, trouble=str(trouble))
        self._forget(upload.id)

    def _forget(self, upload_id: str) -> None:
        """Drop what is remembered of an upload that ended."""
        self._delays.pop(upload_id, None)
        self._faults.pop(upload_id, None)
        self._known.discard(upload_id)

    def _publish_waiting(self) -> None:
        """Tell the receivers whether a response should wait for a verdict: only the step from none to some matters."""
        count = len(self._waiting)
        if (count > 1) != (self._published > 1):
            self._published = count
            self._bus.publish(WAITING, count)


def _is_large(upload: Upload) -> bool:
    return (upload.length or 0) >= LARGE_UPLOAD_BYTES
