"""Move finished files between the spool and the trash, and delete them from there.

A row says first where the file is going to be, and that its bytes are on their way; the bytes follow, then the row says
that they are there. What a crash or an error interrupts is rolled forward: before anything else is done with the file,
at the next start, and by the sweeper. The steps may be repeated. Methods with a file or an id need the file's lock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from media_service.core import places
from media_service.core.errors.files import NameInUse
from media_service.core.files import Place
from media_service.intake.upload_locks import file_lock, locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.files import StoredFile
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.places import FilePlaces
    from media_service.core.ports.spool import Spool

log = structlog.get_logger()


class FileMoves:
    """Moves of files. Methods raise ChangedMeanwhile, StorageFull, StorageError, CatalogueError."""

    def __init__(self, rows: FilePlaces, spool: Spool, *, locks: Locks, clock: Callable[[], int]) -> None:
        self._rows = rows
        self._spool = spool
        self._locks = locks
        self._clock = clock

    async def move(self, file: StoredFile, before: Place) -> StoredFile:
        """Move a file that is at rest in `before`; return it at rest, taken if there are no bytes to move.

        Raise NameInUse, and leave it in the trash, if somebody has put another file into the spool under its name.
        """
        await self._rows.move(file, before, moving=True)
        return await self._complete(file)

    async def settle(self, file_id: str) -> None:
        """Roll forward a move of this file that was interrupted."""
        file = await self._rows.moving_file(file_id)
        if file is None:
            return
        log.info("interrupted move goes on", file=file.id, place=file.place.value)
        with suppress(NameInUse):
            await self._complete(file)

    async def recover(self) -> None:
        """Roll forward every move that was interrupted."""
        for file in await self._rows.moving_files():
            async with locked(self._locks, file_lock(file.id)):
                await self.settle(file.id)

    async def refresh(self, file: StoredFile) -> StoredFile:
        """Return a file at rest as it is: taken if its bytes have left the spool, and not if they are back.

        Raise StorageError if there is no spool: then nobody has taken every file.
        """
        if file.place not in places.LISTED:
            return file
        is_missing = bool(await self._spool.missing([file.spool_entry.name]))
        if is_missing == (file.place is Place.TAKEN):
            return file
        found = places.taken(file, self._clock()) if is_missing else places.back(file)
        await self._rows.move(found, file.place)
        log.info("file was taken" if is_missing else "taken file is back", file=file.id, name=file.spool_entry.name)
        return found

    async def _complete(self, file: StoredFile) -> StoredFile:
        """Move the bytes to the place that the row says, and end the move."""
        try:
            is_there = await self._move_bytes(file)
        except NameInUse:
            await self._rows.move(replace(file, place=Place.TRASH), file.place, was_moving=True)
            raise
        if is_there:
            resting = places.back(file) if file.place is Place.SPOOL else file
        else:
            resting = places.taken(file, self._clock())
        await self._rows.move(resting, file.place, was_moving=True)
        return resting

    async def _move_bytes(self, file: StoredFile) -> bool:
        """Return whether the bytes are in the file's place; deleted ones are."""
        if file.place is Place.TRASH:
            return await self._spool.trash(file.id, file.spool_entry.name)
        if file.place is Place.SPOOL:
            return await self._spool.restore(file.id, file.spool_entry.name)
        await self._spool.discard_trashed(file.id)
        return True
