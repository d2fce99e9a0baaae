"""The trash: put finished files there, restore them, and delete them for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from media_service.core import places
from media_service.core.access import Scope
from media_service.core.audit import Action, Actor, Subject, make_entry
from media_service.core.errors.access import InsufficientScope
from media_service.core.errors.base import ServiceError
from media_service.core.errors.files import FileChanged, UnknownFile
from media_service.core.files import Place, Trashed
from media_service.intake.upload_locks import file_lock, locked, try_locked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from media_service.core.expiry import Lifetime
    from media_service.core.files import StoredFile
    from media_service.core.ports.audit import AuditLog
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.places import FilePlaces
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.moves import FileMoves

PURGED_AT_ONCE = 10_000
"""Files that one round of the sweeper deletes at most."""

log = structlog.get_logger()


class Trash:
    """The trash. The caller has checked who may access the file; methods raise as `FileMoves`, and BeingFinished.

    `is_current` decides by the file's SHA-256, and else FileChanged is raised. `sender`: the owners of a caller that
    may only take back what is their own, for a while (else raise InsufficientScope); None for others.
    """

    def __init__(
        self,
        rows: FilePlaces,
        audit: AuditLog,
        *,
        moves: FileMoves,
        retagger: Retagger,
        locks: Locks,
        lifetime: Lifetime,
        clock: Callable[[], int],
    ) -> None:
        self._rows = rows
        self._audit = audit
        self._moves = moves
        self._retagger = retagger
        self._locks = locks
        self._lifetime = lifetime
        self._clock = clock

    async def put(
        self,
        file_id: str,
        is_current: Callable[[bytes], bool],
        actor: Actor,
        reason: str = "",
        *,
        sender: Collection[str] | None = None,
    ) -> StoredFile:
        """Move a file from the spool into the trash; return it. Raise Malformed, FileInTrash, FileTaken, FilePurged."""
        note = Trashed(self._clock(), actor.id, actor.name, places.clean_reason(reason))
        async with locked(self._locks, file_lock(file_id)):
            file = await self._settled(file_id, sender)
            there = places.trashed(file, note)
            if not is_current(file.spool_entry.sha256):
                raise FileChanged
            return await self._moved(there, file.place)

    async def explain(self, file_id: str, reason: str, *, sender: Collection[str] | None = None) -> StoredFile:
        """Save why a file is in the trash; return it. Raise Malformed, NotInTrash."""
        cleaned = places.clean_reason(reason)
        async with locked(self._locks, file_lock(file_id)):
            file = await self._settled(file_id, sender)
            explained = places.explained(file, cleaned)
            await self._rows.move(explained, file.place)
            return explained

    async def restore(self, file_id: str, *, sender: Collection[str] | None = None) -> StoredFile:
        """Move a file from the trash back into the spool; return it. Raise NotInTrash, NameInUse, FileTaken."""
        async with locked(self._locks, file_lock(file_id)):
            file = await self._settled(file_id, sender)
            return await self._moved(places.restored(file), file.place)

    async def purge(self, file_id: str, is_current: Callable[[bytes], bool] = lambda _: True) -> None:
        """Delete a file from the trash; its row stays. Raise NotInTrash."""
        async with locked(self._locks, file_lock(file_id)):
            file = await self._settled(file_id, None)
            gone = places.purged(file, self._clock())
            if not is_current(file.spool_entry.sha256):
                raise FileChanged
            await self._moves.move(gone, file.place)

    async def purge_old(self) -> None:
        """Delete the files that have been in the trash for their lifetime, and note each in the audit trail."""
        before = self._clock() - self._lifetime.trash
        for file_id in await self._rows.trashed_before(before, PURGED_AT_ONCE):
            async with try_locked(self._locks, file_lock(file_id)) as is_free:
                if is_free:
                    await self._purge_old(await self._settled(file_id, None), before)

    async def _purge_old(self, file: StoredFile, before: int) -> None:
        if file.place is not Place.TRASH or file.trashed is None or file.trashed.at >= before:
            return
        await self._moves.move(places.purged(file, self._clock()), file.place)
        subject = Subject(file.id, file.spool_entry.name)
        try:
            await self._audit.add(make_entry(self._clock(), Actor(None), Action.FILE_PURGED, subject))
        except ServiceError as error:
            log.error("audit entry not stored", action=Action.FILE_PURGED.value, error=str(error))
        log.info("deleted from the trash", file=file.id, name=file.spool_entry.name)

    async def _settled(self, file_id: str, sender: Collection[str] | None) -> StoredFile:
        file = await self._retagger.settled(file_id)
        if file is None:
            raise UnknownFile
        if sender is not None and not places.may_take_back(file, sender, self._clock(), self._lifetime):
            raise InsufficientScope(Scope.EDIT.value)
        return file

    async def _moved(self, file: StoredFile, before: Place) -> StoredFile:
        moved = await self._moves.move(file, before)
        places.check_not_gone(moved)
        return moved
