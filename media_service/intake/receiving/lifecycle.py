"""State changes of a receiving upload: changed by its client, complete, or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core import admission, lifecycle
from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.ranges import Span
from media_service.core.upload import ranges_of
from media_service.core.upload_states import FINISHING, Event, State
from media_service.intake.topics import CHANGED, RECORDED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.upload import Recorded, Slice, Upload
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.active_uploads import ActiveUpload, UploadView
    from media_service.intake.verdicts import Verdicts

MAX_ATTEMPTS = 8
"""Attempts to save a change while other processes change the same upload."""


class UploadLifecycle:
    """Changes receiving uploads in the catalogue, which decides, and in memory."""

    def __init__(self, deps: Dependencies, verdicts: Verdicts) -> None:
        self._deps = deps
        self._verdicts = verdicts

    async def change(
        self,
        active: ActiveUpload,
        changed: Callable[[ActiveUpload], Awaitable[Upload]],
        save: Callable[[Upload], Awaitable[Upload]] | None = None,
    ) -> UploadView:
        """Save a client's change, complete the upload if that was missing, and return it."""
        for _ in range(MAX_ATTEMPTS):
            # What other processes recorded counts for the change too.
            await self._deps.active_uploads.refresh(active)
            async with active.changing():
                try:
                    upload = await changed(active)
                    if upload is not active.upload:
                        active.update(await (save or self._deps.catalogue.save)(upload))
                    break
                except ChangedMeanwhile:
                    continue
        else:
            raise ChangedMeanwhile
        await self._deps.active_uploads.refresh(active)
        await self.complete_if_possible(active)
        return await self.view(active)

    async def view(self, active: ActiveUpload) -> UploadView:
        """Return the upload; if it was just completed, wait shortly for its verdict."""
        upload, wait = active.upload, self._deps.options.verdict_wait_slice
        if upload.state in FINISHING and await self._verdicts.wait_briefly(upload.id, wait):
            upload, _ = await self._deps.active_uploads.load(upload.id, None)
        return self._deps.active_uploads.view(upload, active.received)

    async def record(self, active: ActiveUpload, piece: Slice, *, last: bool = False) -> None:
        """Record a durable slice; the same transaction completes the upload if it was the last one.

        `last`: the file ends with the slice. Raise as `admission.check_record`, and ChangedMeanwhile.
        """
        now, sync_slices = self._deps.clock(), self._deps.options.sync_slices
        try:
            recorded = await self._deps.catalogue.record(active.upload.id, piece, now, last=last, complete=sync_slices)
        except ChangedMeanwhile:
            await self._deps.active_uploads.refresh(active)
            admission.check_record(active.upload, active.received, piece)
            raise
        except ServiceError:
            # The sidecar may have died after the transaction.
            active.is_stale = True
            raise
        active.record(Span(piece.start, piece.stop))
        length = piece.stop if last else active.upload.length
        active.update(replace(active.upload, updated_at=now, length=length))
        self._deps.bus.publish(RECORDED, active.upload.id, piece.start, piece.stop)
        if recorded.whole and sync_slices:
            await self._note_completed(active, recorded, now)
        elif recorded.whole:
            await self._deps.active_uploads.refresh(active)
            await self.complete_if_possible(active)
        elif recorded.version != active.upload.version:
            # Another process has changed the upload, and its hint has not arrived.
            await self._deps.active_uploads.refresh(active)

    async def is_recorded(self, active: ActiveUpload, piece: Slice) -> bool:
        """Return whether these bytes are recorded, as of another attempt. Raise SliceDiffers."""
        upload, recorded = await self._deps.active_uploads.load(active.upload.id, None)
        admission.check_repeat(recorded, piece)
        received = self._deps.active_uploads.view(upload, ranges_of(recorded)).received
        return received.covers(Span(piece.start, piece.stop))

    async def _note_completed(self, active: ActiveUpload, recorded: Recorded, now: int) -> None:
        """Take over that the transaction completed the upload, and tell the finisher."""
        if recorded.version == active.upload.version + 1 and lifecycle.is_complete(active.upload, active.received):
            # Reading the row again would cost a small upload a tenth more.
            completed = lifecycle.complete(active.upload, active.received, now)
            active.update(replace(completed, version=recorded.version))
            self._hand_over(active)
        else:
            self._deps.bus.publish(CHANGED, active.upload.id, State.RECEIVED.value)
            await self._deps.active_uploads.refresh(active)

    async def complete_if_possible(self, active: ActiveUpload) -> None:
        """Complete the upload if every byte is recorded. Of several processes one does it."""
        async with active.changing():
            if active.upload.state is not State.RECEIVING or not lifecycle.is_complete(active.upload, active.received):
                return
            if not self._deps.options.sync_slices and not await self._sync_all(active):
                return
            completed = lifecycle.complete(active.upload, active.received, self._deps.clock())
            try:
                active.update(await self._deps.catalogue.save(completed))
            except ChangedMeanwhile:
                await self._deps.active_uploads.refresh(active)
                return
            self._hand_over(active)

    def _hand_over(self, active: ActiveUpload) -> None:
        self._deps.active_uploads.drop(active.upload.id)
        self._deps.bus.publish(CHANGED, active.upload.id, active.upload.state.value)

    async def _sync_all(self, active: ActiveUpload) -> bool:
        """Sync all bytes. If that fails the upload is lost, because any of them may be."""
        try:
            await self._deps.store.sync_all(active.upload.id)
        except (ServiceError, FileNotFoundError):
            await self._save_lost(active)
            return False
        return True

    async def lose_if_missing(self, active: ActiveUpload) -> None:
        """End an upload that has recorded bytes and no file any more, unless it has ended otherwise."""
        await self._deps.active_uploads.refresh(active)
        async with active.changing():
            if active.upload.state is State.RECEIVING and active.received:
                await self._save_lost(active)

    async def _save_lost(self, active: ActiveUpload) -> None:
        active.update(await self._deps.catalogue.save(active.upload.step(Event.LOSE, self._deps.clock())))
        self._hand_over(active)
