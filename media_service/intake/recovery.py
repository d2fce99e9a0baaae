"""Clean up after a stop or a crash."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core import lifecycle
from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.errors.uploads import WrongState
from media_service.core.upload import ranges_of
from media_service.core.upload_states import Event, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice, Upload
    from media_service.intake.ending import UploadEnder
    from media_service.intake.leftovers import Leftovers


class Recovery:
    """Repeats the steps that a crash left out. `sync_slices`: recorded slices are durable already."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        *,
        ender: UploadEnder,
        leftovers: Leftovers,
        clock: Callable[[], int],
        sync_slices: bool,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._ender = ender
        self._leftovers = leftovers
        self._clock = clock
        self._sync_slices = sync_slices

    async def run(self) -> None:
        """Clear leftovers, complete uploads, and cancel plain forms that were cut. Nothing else may run meanwhile."""
        await self._leftovers.clear()
        await self.complete_whole()
        for upload in await self._catalogue.in_state({State.RECEIVING}):
            if not lifecycle.is_resumable(upload):
                await self._ender.cancel(upload.id)

    async def complete_whole(self) -> None:
        """Complete uploads with all bytes; what others change at the same time is theirs.

        Where other nodes work meanwhile this is all: the sweeper clears leftovers, and forms that were cut on another
        node expire with their lifetime, because nothing shows whether it still receives them.
        """
        for upload_id in await self._catalogue.receiving_whole():
            loaded = await self._catalogue.load(upload_id)
            if loaded is not None and lifecycle.is_complete(loaded[0], ranges_of(loaded[1])):
                # Another node may have completed it, before this one loaded it or after.
                with suppress(ChangedMeanwhile, WrongState):
                    await self._complete(*loaded)

    async def _complete(self, upload: Upload, slices: Sequence[Slice]) -> None:
        try:
            if not self._sync_slices:
                await self._store.sync_all(upload.id)
        except (ServiceError, FileNotFoundError):
            await self._catalogue.save(upload.step(Event.LOSE, self._clock()))
        else:
            await self._catalogue.save(lifecycle.complete(upload, ranges_of(slices), self._clock()))
