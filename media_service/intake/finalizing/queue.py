"""Whose turn it is to be finished, how many at a time, and when those come again that met a trouble.

Receiving has the way: while bytes come, finishing takes only a share of the time. A place is kept for small uploads, so
that none of them waits behind large ones. Senders take turns, and those whose files were costly lately share one place
that is never the kept one. What stands here is only whom to look at next: the catalogue is the queue.
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

    from media_service.core.upload import Upload

LARGE_UPLOAD_BYTES = 64 * 1024 * 1024
"""Bytes from which an upload is a large one: it takes a while."""

SLOW_SECONDS = 2.0
"""Seconds of finishing a small upload from which its sender counts as costly; it usually takes a twentieth of one."""

SLOW_SENDER_SECONDS = 60.0
"""Seconds for which a sender counts as costly."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
"""Seconds before an upload is tried again after a trouble of ours; doubled each time."""

MAX_FAULTS = 4
"""How often an upload meets a fault of ours before it is left for the next start, and says so."""

RECEIVING_SECONDS = 0.25
"""Seconds for which receiving has the way after the last sign of it."""

PAUSE_FACTOR, MAX_PAUSE_SECONDS = 9.0, 1.0
"""How many times as long as finishing took receiving gets behind it, and the most seconds of that."""

log = structlog.get_logger()


class FinalizeQueue:
    """So many uploads at a time; at least two, of which one takes no large ones.

    `finalize_one` finishes an upload; False if it waits for another, and is enqueued after that.
    `record_fault` is called for an upload that met too many faults of the service.
    """

    def __init__(
        self,
        workers: int,
        finalize_one: Callable[[str], Awaitable[bool]],
        record_fault: Callable[[str], Awaitable[None]],
    ) -> None:
        self._workers = workers
        self._finalize_one = finalize_one
        self._record_fault = record_fault
        self._waiting = FairQueue()
        self._busy: set[str] = set()
        self._slow_until: dict[Sender, float] = {}
        self._slow_busy: set[str] = set()
        self._more = asyncio.Event()
        self._delays: dict[str, float] = {}
        self._faults: dict[str, int] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._receiving_until = 0.0
        self._turn_ended = asyncio.Event()

    def enqueue(self, upload: Upload) -> None:
        """Looks at this upload soon."""
        self._ends.setdefault(upload.id, asyncio.Event())
        self._waiting.put(upload)
        self._more.set()

    @contextmanager
    def excluded(self, upload_id: str) -> Iterator[bool]:
        """Keep the upload from being finished meanwhile; False if it is being finished, or about to be."""
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
        """Keep the upload from being finished meanwhile, once an attempt that is under way has ended.

        Raise BeingFinished if that takes more than so many seconds.
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
        """Let the sender of this upload delay only itself for a while."""
        now = asyncio.get_running_loop().time()
        self._slow_until = {sender: until for sender, until in self._slow_until.items() if until > now}
        self._slow_until[sender_of(upload)] = now + SLOW_SENDER_SECONDS

    def note_receiving(self) -> None:
        """Bytes are being received: finishing may take only a share of the time for a moment."""
        self._receiving_until = asyncio.get_running_loop().time() + RECEIVING_SECONDS

    @property
    def idle(self) -> bool:
        """Whether nothing is finished or waits for it, and nothing was received for a moment."""
        quiet = asyncio.get_running_loop().time() >= self._receiving_until
        return quiet and not self._waiting and not self._busy

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        """The same as `wait` when this upload is the next one; others would wait for nothing, and hear False."""
        if not seconds or len(self._waiting) > 1:
            return False
        await self.wait(upload_id, seconds)
        return True

    async def wait(self, upload_id: str, seconds: float) -> None:
        """Returns when the woken upload has ended, or after so many seconds."""
        if end := self._ends.get(upload_id):
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), seconds)

    async def run_workers(self) -> None:
        """Finishes what is woken, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for place in range(self._workers):
                group.create_task(self._run_worker(slow_too=place > 0))

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
            if self._waiting and loop.time() < self._receiving_until:
                # All places together take the share of one.
                await asyncio.sleep(min((loop.time() - begun) * PAUSE_FACTOR * self._workers, MAX_PAUSE_SECONDS))

    async def _next(self, *, slow_too: bool) -> Upload:
        """The first that this place may take. One that was woken while it is finished comes again when it was."""
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
            # The top of a task: an upload that meets a fault of ours must not hold up all others.
            log.exception("finishing failed", upload=upload.id)
            await self._count_fault(upload)

    def _try_later(self, upload: Upload, why: str) -> None:
        delay = self._delays.get(upload.id, FIRST_RETRY_SECONDS)
        self._delays[upload.id] = min(delay * 2, LAST_RETRY_SECONDS)
        log.warning("finishing goes on later", upload=upload.id, seconds=delay, trouble=why)
        asyncio.get_running_loop().call_later(delay, self.enqueue, upload)

    async def _count_fault(self, upload: Upload) -> None:
        """Tries again, for it may have been the moment's fault; a few times, and then the upload's row says so."""
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
        """Nothing more is done for this upload, whoever waits for it."""
        self._delays.pop(upload_id, None)
        self._faults.pop(upload_id, None)
        if end := self._ends.pop(upload_id, None):
            end.set()


def _is_large(upload: Upload) -> bool:
    return (upload.length or 0) >= LARGE_UPLOAD_BYTES
