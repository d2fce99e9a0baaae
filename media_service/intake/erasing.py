"""Erase what an owner has sent: each upload and its file, or only who sent them.

Every step may be repeated: an upload whose file is deleted keeps its row until all else of it is gone.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from media_service.core.errors.service import BeingFinished
from media_service.core.errors.uploads import UnknownUpload, UploadGone, WrongState
from media_service.core.places import LISTED
from media_service.core.upload_states import COMPLETE_STATES, ENDED
from media_service.intake.loading import load_upload
from media_service.intake.upload_locks import file_lock, locked, upload_lock

if TYPE_CHECKING:
    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.erasing import ErasableRows
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.spool import Spool
    from media_service.core.upload import Upload
    from media_service.intake.ending import UploadEnder
    from media_service.intake.moves import FileMoves

UPLOADS_PER_READ = 100


class UploadEraser:
    """Erases the uploads and files of one owner, who can no longer authenticate."""

    def __init__(
        self,
        catalogue: Catalogue,
        rows: ErasableRows,
        spool: Spool,
        quarantine: Quarantine,
        *,
        ender: UploadEnder,
        moves: FileMoves,
        locks: Locks,
    ) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._spool = spool
        self._quarantine = quarantine
        self._ender = ender
        self._moves = moves
        self._locks = locks

    async def erase(self, owner_id: str, *, delete_files: bool) -> None:
        """Cancel open uploads, delete rejected ones, and delete finished files or remove who sent them.

        Raise BeingFinished if an upload is being finished that would become a file to delete; StorageFull,
        StorageError, CatalogueError.
        """
        while ids := await self._rows.uploads_of(owner_id, UPLOADS_PER_READ):
            for upload_id in ids:
                # Another request may erase the same owner.
                with suppress(UnknownUpload):
                    await self._erase_upload(upload_id, delete_files=delete_files)

    async def _erase_upload(self, upload_id: str, *, delete_files: bool) -> None:
        if (await load_upload(self._catalogue, upload_id))[0].state not in ENDED:
            # A complete one cannot be cancelled, unless its finishing failed.
            with suppress(WrongState, UploadGone):
                await self._ender.cancel(upload_id)
        async with AsyncExitStack() as held:
            await held.enter_async_context(locked(self._locks, upload_lock(upload_id)))
            upload, _ = await load_upload(self._catalogue, upload_id)
            if upload.file_id is not None:
                await held.enter_async_context(locked(self._locks, file_lock(upload.file_id)))
            if upload.state not in ENDED and delete_files:
                raise BeingFinished
            if upload.state in COMPLETE_STATES and not delete_files:
                await self._rows.anonymize(upload_id)
            else:
                await self._delete(upload)

    async def _delete(self, upload: Upload) -> None:
        """Delete the file or the rejected bytes, then the rows."""
        await self._quarantine.discard(upload.id)
        file = None if upload.file_id is None else await self._settled(upload.file_id)
        # A duplicate may have the file of an earlier upload.
        if file is not None and file.upload_id == upload.id:
            if file.place in LISTED:
                # Of one in the trash, the name may be somebody else's in the spool.
                await self._spool.discard(file.spool_entry.name)
            await self._spool.discard_trashed(file.id)
            await self._spool.discard_assembled(file.id)
        await self._rows.delete_upload(upload.id)

    async def _settled(self, file_id: str) -> StoredFile | None:
        await self._moves.settle(file_id)
        return await self._catalogue.file(file_id)
