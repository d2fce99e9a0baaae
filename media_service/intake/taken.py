"""Find out which files their readers have taken from the spool, and which are back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.files import Place
from media_service.core.places import LISTED
from media_service.intake.upload_locks import file_lock, try_locked

if TYPE_CHECKING:
    from media_service.core.files import StoredFile
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.places import FilePlaces
    from media_service.core.ports.spool import Spool
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.moves import FileMoves

NAMES_AT_ONCE = 10_000
"""Files of one round: 0.25 s of processor time on a disk, or ten requests to an object store."""

MARKED_AT_ONCE = 64
"""Files whose rows are written together: they share a transaction, and so one sync."""


class TakenFiles:
    """Compares rows with the spool. Methods raise StorageError, also if there is no spool, and CatalogueError."""

    def __init__(self, rows: FilePlaces, spool: Spool, *, moves: FileMoves, retagger: Retagger, locks: Locks) -> None:
        self._rows = rows
        self._spool = spool
        self._moves = moves
        self._retagger = retagger
        self._locks = locks
        self._last = ""

    async def check(self, file_id: str, seconds: float = 0) -> StoredFile | None:
        """Correct a file's row, and return it; None without one, or if it moves for longer than so many seconds."""
        async with try_locked(self._locks, file_lock(file_id), seconds) as is_free:
            if not is_free:
                return None
            file = await self._retagger.settled(file_id)
            return None if file is None else await self._moves.refresh(file)

    async def look(self, count: int = NAMES_AT_ONCE) -> None:
        """Look at the next files in the order of their names, from the first one again after the last one."""
        found = await self._rows.named_after(self._last, count)
        self._last = found[-1].name if len(found) == count else ""
        shown = [file for file in found if file.place in LISTED]
        missing = await self._spool.missing([file.name for file in shown])
        wrong = [file.id for file in shown if (file.name in missing) != (file.place is Place.TAKEN)]
        for first in range(0, len(wrong), MARKED_AT_ONCE):
            await asyncio.gather(*map(self.check, wrong[first : first + MARKED_AT_ONCE]))
