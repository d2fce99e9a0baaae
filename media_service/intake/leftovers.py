"""What a process that died has left on the disk, and edits and moves that it did not end.

At the start of the service nothing else runs. Later a receiver or the finisher may have died alone, so what the others
work on must stay: a lock or a writer shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError
from media_service.core.upload_states import FINISHING, State
from media_service.intake.upload_locks import file_lock, try_locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.moves import FileMoves

log = structlog.get_logger()


class Leftovers:
    """Clears what a crash left before or after it changed a row."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        spool: Spool,
        *,
        locks: Locks,
        retagger: Retagger,
        moves: FileMoves,
    ) -> None:
        self._moves = moves
        self._catalogue = catalogue
        self._store = store
        self._spool = spool
        self._locks = locks
        self._retagger = retagger

    async def clear(self) -> None:
        """Finish interrupted edits and moves; delete partials and assembled files that no upload and no edit needs."""
        # List before the rows are read: nothing that is created in between must look like a leftover.
        partials, assembled = await self._store.list_ids(), await self._spool.list_assembled()
        await self._retagger.recover()
        await self._moves.recover()
        if not partials and not assembled:
            return
        finishing = await self._catalogue.ids_in_state(FINISHING)
        receiving = await self._catalogue.ids_in_state({State.RECEIVING})
        for upload_id in set(partials) - finishing - receiving:
            await _keep_on_error(self._discard_partial, upload_id)
        for key in set(assembled) - finishing:
            await _keep_on_error(self._discard_assembled, key)

    async def _discard_partial(self, upload_id: str) -> None:
        """Delete the partial, unless the upload is being changed or its row has come meanwhile."""
        async with try_locked(self._locks, upload_lock(upload_id)) as is_free:
            if not is_free or not await self._store.try_exclusive(upload_id):
                return
            try:
                # No slice is recorded now. An upload that is created at this moment has none, and gets a new partial.
                if await self._state(upload_id) not in {State.RECEIVING, *FINISHING}:
                    await self._store.discard(upload_id)
            finally:
                self._store.end_exclusive(upload_id)

    async def _discard_assembled(self, key: str) -> None:
        """Delete the assembled file of an upload, or of an edited file, unless either is at work."""
        locks = self._locks
        async with try_locked(locks, upload_lock(key)) as no_finalizing, try_locked(locks, file_lock(key)) as no_edit:
            if no_finalizing and no_edit and await self._state(key) not in FINISHING:
                await self._spool.discard_assembled(key)

    async def _state(self, upload_id: str) -> State | None:
        loaded = await self._catalogue.load(upload_id)
        return None if loaded is None else loaded[0].state


async def _keep_on_error(discard: Callable[[str], Awaitable[None]], key: str) -> None:
    """Discard, but keep the file if that fails, or if its row cannot be read: the service must start all the same."""
    try:
        await discard(key)
    except ServiceError as error:
        log.warning("a leftover file is kept", key=key, error=str(error))
