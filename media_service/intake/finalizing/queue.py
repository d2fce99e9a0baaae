"""Schedule the finalizing of uploads: which is next, how many run at a time, when failed ones are retried.

While uploads arrive, workers pause (`core.ports.load`). The first worker takes only small uploads, so that these never
wait for large ones. Senders take turns; those whose uploads were slow share one of the other workers. The queue is only
in memory: the states in the catalogue say what has to be finalized.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import BeingFinished
from media_service.intake.finalizing.fair_queue import FairQueue, Sender, sender_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from media_service.core.ports.load import Load
    from media_service.core.upload import Upload

LARGE_UPLOAD_BYTES = 64 * 1024 * 1024
"""Size from which an upload is large: finalizing it takes seconds."""

SLOW_SECONDS = 2.0
"""Time of finalizing a small upload above which its sender counts as slow; 0.05 s is usual."""

SLOW_SENDER_SECONDS = 60.0
"""Time for which a sender counts as slow."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
"""First and longest delay before an upload is retried after an error; it doubles each time."""

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
        load: Load,
    ) -> None:
        self._workers = workers
        self._finalize_one = finalize_one
        self._record_fault = record_fault
        self._load = load
        self._waiting = FairQueue()
        self._busy: set[str] = set()
        self._slow_until: dict[Sender, float] = {}
        self._slow_busy: set[str] = set()
        self._more = asyncio.Event()
        self._delays: dict[str, float] = {}
        self._faults: dict[str, int] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._turn_ended = asyncio.Event()

    def enqueue(self, upload: Upload) -> None:
        """Finalize this upload soon."""
        self._ends.setdefault(upload.id, asyncio.Event())
        self._waiting.put(upload)
        self._more.set()

    @contextmanager
    def excluded(self, upload_id: str) -> Iterator[bool]:
        """Exclude the upload from finalizing within the block; yield False if it is being finalized or is enqueued."""
        free = upload_id not in self._ends and upload_id not in self._busy
        if free:
            self._busy.add(upload_id)
        try:
            yield free
        finally:
            if free:
                self._end_turn(upload_id)

    @asynccontextmanager
    async def paused(self, upload_id: str, seconds: float) -> AsyncIterator[None]:
        """Wait for a running attempt to finalize the upload, then exclude the upload within the block.

        Raise BeingFinished if the attempt takes more than `seconds`.
        """
        try:
            async with asyncio.timeout(seconds):
                while upload_id in self._busy:
                    await self._turn_ended.wait()
        except TimeoutError:
            raise BeingFinished from None
        self._busy.add(upload_id)
        try:
            yield
        finally:
            self._end_turn(upload_id)

    def _end_turn(self, upload_id: str) -> None:
        self._busy.discard(upload_id)
        self._more.set()
        self._turn_ended.set()
        self._turn_ended = asyncio.Event()

    def note_slow(self, upload: Upload) -> None:
        """Count the sender of this upload as slow for a while: it then delays only itself."""
        now = asyncio.get_running_loop().time()
        self._slow_until = {sender: until for sender, until in self._slow_until.items() if until > now}
        self._slow_until[sender_of(upload)] = now + SLOW_SENDER_SECONDS

    @property
    def idle(self) -> bool:
        """Whether no upload is being finalized or waits for it."""
        return not self._waiting and not self._busy

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        """Call `wait` if no other upload waits; else return False at once, as the wait would usually be in vain."""
        if not seconds or len(self._waiting) > 1:
            return False
        await self.wait(upload_id, seconds)
        return True

    async def wait(self, upload_id: str, seconds: float) -> None:
        """Return when the enqueued upload has ended, or after `seconds`."""
        if end := self._ends.get(upload_id):
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), seconds)

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
                self._end_turn(upload.id)
            if loop.time() - begun > SLOW_SECONDS and not _is_large(upload):
                self.note_slow(upload)
            if self._waiting and (pause := self._load.pause_after(loop.time() - begun, self._workers)):
                await asyncio.sleep(pause)

    async def _next(self, *, slow_too: bool) -> Upload:
        """Return the first upload that this worker may take. One that is being finalized has to wait for the end."""
        while True:
            upload = self._waiting.pop(lambda upload: self._may_take(upload, slow_too=slow_too))
            if upload is not None:
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
        """Drop what is remembered of an upload that ended, and wake those who wait for it."""
        self._delays.pop(upload_id, None)
        self._faults.pop(upload_id, None)
        if end := self._ends.pop(upload_id, None):
            end.set()


def _is_large(upload: Upload) -> bool:
    return (upload.length or 0) >= LARGE_UPLOAD_BYTES
