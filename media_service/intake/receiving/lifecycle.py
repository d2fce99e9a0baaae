"""State changes of a receiving upload: complete, ended without a file, or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_service.core import lifecycle
from media_service.core.errors.base import ServiceError
from media_service.core.ranges import Span
from media_service.core.upload_states import FINISHING, Event, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.ports.partials import Partial
    from media_service.core.ranges import Ranges
    from media_service.core.upload import Slice, Upload
    from media_service.intake.context import Dependencies
    from media_service.intake.finalizing.finalizer import Finalizer
    from media_service.intake.receiving.active_uploads import ActiveUpload, UploadView


class UploadLifecycle:
    """Changes receiving uploads, in memory and in the catalogue."""

    def __init__(self, deps: Dependencies, finalizer: Finalizer) -> None:
        self._deps = deps
        self._finalizer = finalizer

    async def change(
        self,
        active: ActiveUpload,
        changed: Callable[[ActiveUpload], Upload],
        save: Callable[[Upload], Awaitable[Upload]] | None = None,
    ) -> UploadView:
        """Save a client's change, complete the upload if that was missing, and return it."""
        async with active.changing():
            upload = changed(active)
            if upload is not active.upload:
                active.update(await (save or self._deps.catalogue.save)(upload))
        await self.complete_if_possible(active)
        return await self.view(active)

    async def view(self, active: ActiveUpload) -> UploadView:
        """Return the upload; if it was just completed, wait shortly for its verdict."""
        upload, wait = active.upload, self._deps.options.verdict_wait_slice
        if upload.state in FINISHING and await self._finalizer.queue.wait_briefly(upload.id, wait):
            upload, _ = await self._deps.active_uploads.load(upload.id, None)
        return self._deps.active_uploads.view(upload, active.received)

    async def complete_if_possible(self, active: ActiveUpload) -> None:
        """Complete the upload and enqueue it if every byte is recorded."""
        async with active.changing():
            if active.upload.state is not State.RECEIVING or not lifecycle.is_complete(active.upload, active.received):
                return
            if not self._deps.options.sync_slices and not await self._sync_all(active):
                return
            completed = await self._deps.catalogue.save(
                lifecycle.complete(active.upload, active.received, self._deps.clock())
            )
            active.update(completed)
            self._hand_over(completed)

    async def record(self, active: ActiveUpload, piece: Slice, *, last: bool = False) -> None:
        """Record a durable slice, and complete the upload in the same transaction if possible.

        `last`: the file ends with the slice. A task that is changing the upload may wait for this slice, so waiting for
        it would deadlock: `complete_if_possible` then completes the upload.
        """
        now = self._deps.clock()
        upload = replace(active.upload, length=piece.stop) if last else active.upload
        received = self._received_with(active, upload, piece)
        if received is not None and not active.is_changing:
            async with active.changing():
                completed = lifecycle.complete(upload, received, now)
                recorded = await self._deps.catalogue.record(upload.id, piece, now, last=last)
                completed = replace(completed, version=recorded.version)
                active.record(piece, completed)
                self._hand_over(completed)
            return
        recorded = await self._deps.catalogue.record(upload.id, piece, now, last=last, complete=False)
        upload = replace(active.upload, updated_at=now)
        active.record(piece, replace(upload, length=piece.stop, version=recorded.version) if last else upload)

    def _received_with(self, active: ActiveUpload, upload: Upload, piece: Slice) -> Ranges | None:
        """Return the ranges if the slice completes the upload; None also if the file must be synced first."""
        # Sizes first, because adding a span copies every range.
        enough = upload.length is not None and active.size + piece.stop - piece.start >= upload.length
        if not enough or not self._deps.options.sync_slices:
            return None
        received = active.received.add(Span(piece.start, piece.stop))
        return received if lifecycle.is_complete(upload, received) else None

    def _hand_over(self, completed: Upload) -> None:
        self._deps.usage.release(completed)
        self._deps.active_uploads.drop(completed.id)
        self._finalizer.queue.enqueue(completed)

    async def _sync_all(self, active: ActiveUpload) -> bool:
        """Sync all of the partial. If that fails the upload is lost, because any of its bytes may be."""
        partial = await self._deps.partials.open(active.upload.id)
        if partial is not None:
            try:
                await self.sync(active, partial, partial.epoch)
            except ServiceError:
                pass
            else:
                return True
            finally:
                self._deps.partials.close(active.upload.id)
        await self.lose(active)
        return False

    async def sync(self, active: ActiveUpload, partial: Partial, epoch: int) -> None:
        """Sync what was written. Raise StorageFull or StorageError, after dropping what was read ahead."""
        try:
            await partial.sync(epoch)
        except ServiceError:
            self._deps.media.forget(active.upload.id)
            raise

    async def end(self, active: ActiveUpload, event: Event, **changes: Any) -> None:
        """End a receiving upload, or one that could not be finished, without a file; free its space."""
        upload = active.upload
        if upload.state in FINISHING:
            active.update(await self._finalizer.end_failed(upload.id, event))
            return
        # Before the writers end, so that no new one is admitted meanwhile.
        active.update(upload.step(event, self._deps.clock(), **changes))
        try:
            await active.leases.end(0, self._deps.options.limits.file)
            active.update(await self._deps.catalogue.save(active.upload))
        except BaseException:
            active.update(upload)
            raise
        self._deps.usage.release(upload)
        self._deps.active_uploads.drop(upload.id)
        self._deps.media.forget(upload.id)
        await self._deps.partials.discard(upload.id)

    async def lose(self, active: ActiveUpload) -> None:
        """End an upload whose partial is missing: its recorded bytes are lost."""
        active.update(active.upload.step(Event.LOSE, self._deps.clock()))
        active.update(await self._deps.catalogue.save(active.upload))
        self._deps.usage.release(active.upload)
        self._deps.active_uploads.drop(active.upload.id)
