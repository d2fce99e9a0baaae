"""What becomes of a receiving upload: it is whole, ends without a file, or is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.core import lifecycle
from media_service.core.errors.base import ServiceError
from media_service.core.upload_states import FINISHING, Event, State

if TYPE_CHECKING:
    from media_service.core.ports.partials import Partial
    from media_service.core.upload import Upload
    from media_service.intake.context import Dependencies
    from media_service.intake.finalizing.finalizer import Finalizer
    from media_service.intake.receiving.active_uploads import ActiveUpload


class UploadLifecycle:
    """Changes the state of receiving uploads, in memory and in the catalogue."""

    def __init__(self, deps: Dependencies, finalizer: Finalizer) -> None:
        self._deps = deps
        self._finalizer = finalizer

    async def complete_if_whole(self, active: ActiveUpload) -> None:
        """Hands an upload of which every byte is recorded to the finisher."""
        async with active.changing:
            if active.upload.state is not State.RECEIVING or not lifecycle.is_complete(active.upload, active.received):
                return
            if not self._deps.options.sync_slices and not await self._sync_whole(active):
                return
            completed = lifecycle.complete(active.upload, active.received, self._deps.clock())
            await self._deps.catalogue.save(completed)
            self.completed(active, completed)

    def completed(self, active: ActiveUpload, completed: Upload) -> None:
        """The catalogue has it as completed."""
        active.upload = completed
        self._deps.usage.release(completed)
        self._deps.active_uploads.drop(completed.id)
        self._finalizer.enqueue(completed)

    async def _sync_whole(self, active: ActiveUpload) -> bool:
        """Makes the whole partial durable at once; where that fails the upload is lost, since any byte of it may be."""
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
        """Makes what was written durable.

        Raises StorageFull, StorageError, and then nothing that was read of this file before is trusted.
        """
        try:
            await partial.sync(epoch)
        except ServiceError:
            self._deps.media.forget(active.upload.id)
            raise

    async def end(self, active: ActiveUpload, event: Event, **changes: Any) -> None:
        """Takes a receiving upload, or one that could not be finished, to an end without a file; frees its space."""
        upload = active.upload
        if upload.state in FINISHING:
            active.upload = await self._finalizer.end_failed(upload.id, event)
            return
        # Before the writers are told: nobody may be admitted while they go.
        active.upload = upload.step(event, self._deps.clock(), **changes)
        try:
            await active.leases.end(0, self._deps.options.limits.file)
            await self._deps.catalogue.save(active.upload)
        except BaseException:
            active.upload = upload
            raise
        self._deps.usage.release(upload)
        self._deps.active_uploads.drop(upload.id)
        self._deps.media.forget(upload.id)
        await self._deps.partials.discard(upload.id)

    async def lose(self, active: ActiveUpload) -> None:
        """The partial is not there: what the catalogue claims of it is no longer true."""
        active.upload = active.upload.step(Event.LOSE, self._deps.clock())
        await self._deps.catalogue.save(active.upload)
        self._deps.usage.release(active.upload)
        self._deps.active_uploads.drop(active.upload.id)
