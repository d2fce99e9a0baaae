"""What becomes of a receiving upload: it is whole, ends without a file, or is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.core import lifecycle
from media_service.core.errors.base import Trouble
from media_service.core.upload_states import FINISHING, Event, State

if TYPE_CHECKING:
    from media_service.core.ports.partials import Partial
    from media_service.core.upload import Upload
    from media_service.intake.finalize import Finisher
    from media_service.intake.means import Means
    from media_service.intake.register import Live


class Changes:
    """Changes the state of receiving uploads, in memory and in the catalogue."""

    def __init__(self, means: Means, finisher: Finisher) -> None:
        self._means = means
        self._finisher = finisher

    async def complete_if_whole(self, live: Live) -> None:
        """Hands an upload of which every byte is recorded to the finisher."""
        async with live.changing:
            if live.upload.state is not State.RECEIVING or not lifecycle.is_whole(live.upload, live.received):
                return
            if not self._means.conduct.sync_slices and not await self._sync_whole(live):
                return
            completed = lifecycle.complete(live.upload, live.received, self._means.clock())
            await self._means.catalogue.save(completed)
            self.completed(live, completed)

    def completed(self, live: Live, completed: Upload) -> None:
        """The catalogue has it as completed."""
        live.upload = completed
        self._means.usage.release(completed)
        self._means.register.drop(completed.id)
        self._finisher.wake(completed)

    async def _sync_whole(self, live: Live) -> bool:
        """Makes the whole partial durable at once; where that fails the upload is lost, since any byte of it may be."""
        partial = await self._means.partials.open(live.upload.id)
        if partial is not None:
            try:
                await self.sync(live, partial, partial.epoch)
            except Trouble:
                pass
            else:
                return True
            finally:
                self._means.partials.close(live.upload.id)
        await self.lose(live)
        return False

    async def sync(self, live: Live, partial: Partial, epoch: int) -> None:
        """Makes what was written durable.

        Raises StorageFull, StorageTrouble, and then nothing that was read of this file before is trusted.
        """
        try:
            await partial.sync(epoch)
        except Trouble:
            self._means.media.forget(live.upload.id)
            raise

    async def end(self, live: Live, event: Event, **changes: Any) -> None:
        """Takes a receiving upload, or one that could not be finished, to an end without a file; frees its space."""
        upload = live.upload
        if upload.state in FINISHING:
            live.upload = await self._finisher.end_failed(upload.id, event)
            return
        # Before the writers are told: nobody may be admitted while they go.
        live.upload = upload.step(event, self._means.clock(), **changes)
        try:
            await live.leases.end(0, self._means.conduct.limits.file)
            await self._means.catalogue.save(live.upload)
        except BaseException:
            live.upload = upload
            raise
        self._means.usage.release(upload)
        self._means.register.drop(upload.id)
        self._means.media.forget(upload.id)
        await self._means.partials.discard(upload.id)

    async def lose(self, live: Live) -> None:
        """The partial is not there: what the catalogue claims of it is no longer true."""
        live.upload = live.upload.step(Event.LOSE, self._means.clock())
        await self._means.catalogue.save(live.upload)
        self._means.usage.release(live.upload)
        self._means.register.drop(live.upload.id)
