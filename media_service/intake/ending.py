"""End uploads without a file: cancelled, expired, or rejected before their last byte came."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from media_service.core import expiry
from media_service.core.errors.service import BeingFinished, ChangedMeanwhile
from media_service.core.errors.uploads import UploadGone, WrongState
from media_service.core.upload_states import FINISHING, Event, State
from media_service.intake.backoff import Backoff
from media_service.intake.loading import load_upload
from media_service.intake.topics import ALL_BYTES, CHANGED, SUPERSEDE
from media_service.intake.upload_locks import MAX_WAIT_SECONDS, locked, try_locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from media_service.core.expiry import Lifetime
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice, Upload, Verdict

MAX_ATTEMPTS = 8
"""Attempts to save an end while a client changes the upload."""

log = structlog.get_logger()


class UploadEnder:
    """Ends uploads, in any process: their writers, wherever they are, end first."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        spool: Spool,
        quarantine: Quarantine,
        *,
        locks: Locks,
        bus: Bus,
        clock: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._spool = spool
        self._quarantine = quarantine
        self._locks = locks
        self._bus = bus
        self._clock = clock

    async def cancel(self, upload_id: str, verdict: Verdict | None = None) -> bool:
        """Cancel the upload, with a verdict if it is not its owner who does; return False if it was cancelled before.

        Raise UnknownUpload, UploadGone, WrongState, BeingFinished.
        """
        changes = {} if verdict is None else {"verdict": verdict}
        if (await load_upload(self._catalogue, upload_id))[0].state in FINISHING:
            await self._end_failed(upload_id, Event.CANCEL, **changes)
            return True

        async def cancelled(upload: Upload, _slices: Sequence[Slice]) -> Upload | None:
            return None if upload.state is State.CANCELLED else upload.step(Event.CANCEL, self._clock(), **changes)

        return await self.end(upload_id, cancelled)

    async def expire(self, upload_id: str, lifetime: Lifetime) -> bool:
        """End an expired upload; return whether it ended. A writer keeps it, but not past its `whole` lifetime."""
        (upload, _), now = await load_upload(self._catalogue, upload_id), self._clock()
        if upload.finalize_failed:
            try:
                await self._end_failed(upload_id, Event.EXPIRE)
            except (WrongState, UploadGone):
                return False
            return True

        async def expired(upload: Upload, _slices: Sequence[Slice]) -> Upload | None:
            due = upload.state is State.RECEIVING and expiry.expires_at(upload, lifetime) < now
            return upload.step(Event.EXPIRE, now) if due else None

        overdue = now >= expiry.deadline_at(upload, lifetime)
        try:
            return await self.end(upload_id, expired, supersede=overdue)
        except BeingFinished:
            return False

    async def end(
        self,
        upload_id: str,
        ended: Callable[[Upload, Sequence[Slice]], Awaitable[Upload | None]],
        *,
        supersede: bool = True,
    ) -> bool:
        """Save what `ended` returns, discard the bytes, and return True; if it is None, return False and do nothing.

        No slice is written meanwhile. Raise BeingFinished if writers do not end; without `supersede`, also if there are
        any.
        """
        async with locked(self._locks, upload_lock(upload_id)), self._without_writers(upload_id, supersede=supersede):
            upload = await self._save_ended(upload_id, ended)
            if upload is None:
                return False
            await self._store.discard(upload_id)
        self._bus.publish(CHANGED, upload_id, upload.state.value)
        return True

    async def _save_ended(
        self, upload_id: str, ended: Callable[[Upload, Sequence[Slice]], Awaitable[Upload | None]]
    ) -> Upload | None:
        """Save and return what `ended` returns. Its client may change the upload meanwhile: then decide again."""
        for _ in range(MAX_ATTEMPTS):
            loaded, slices = await load_upload(self._catalogue, upload_id)
            upload = await ended(loaded, slices)
            if upload is None:
                return None
            with suppress(ChangedMeanwhile):
                return await self._catalogue.save(upload)
        raise ChangedMeanwhile

    @asynccontextmanager
    async def _without_writers(self, upload_id: str, *, supersede: bool) -> AsyncIterator[None]:
        """Exclude all writers within the block."""
        backoff = Backoff(MAX_WAIT_SECONDS)
        while not await self._store.try_exclusive(upload_id):
            if not supersede:
                raise BeingFinished
            self._bus.publish(SUPERSEDE, upload_id, 0, ALL_BYTES, self._clock(), "")
            if not await backoff.pause():
                raise BeingFinished
        try:
            yield
        finally:
            self._store.end_exclusive(upload_id)

    async def _end_failed(self, upload_id: str, event: Event, **changes: Verdict) -> None:
        """End an upload whose finalizing failed, and free its space. Raise its refusal while it is being finalized."""
        async with try_locked(self._locks, upload_lock(upload_id)) as is_held:
            upload, _ = await load_upload(self._catalogue, upload_id)
            if not is_held:
                raise upload.refusal()
            ended = await self._catalogue.save(upload.step(event, self._clock(), **changes))
            intent = upload.publish_intent
            if intent is not None and intent.name and not await self._spool.is_assembled(upload_id):
                log.warning("file of ended upload may be in spool", upload=upload_id, name=intent.name)
            await self._spool.discard_assembled(upload_id)
            await self._store.discard(upload_id)
            if upload.review is not None:
                await self._quarantine.discard(upload_id)
        self._bus.publish(CHANGED, upload_id, ended.state.value)
