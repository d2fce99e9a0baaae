"""Erase a person: who it was, what names it, and what it sent or only who sent it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from media_service.access.credentials import FRESH_SECONDS
from media_service.core.audit import Action, Subject
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.people import PersonChange

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.access.people import People
    from media_service.core.audit import Actor, Detail
    from media_service.core.ports.erasing import ErasableRows

MAX_ATTEMPTS = 8


class Uploads(Protocol):
    """What erases the uploads and files of an owner."""

    async def erase(self, owner_id: str, *, delete_files: bool) -> None:
        """Erase them, or who sent them."""


class PersonEraser:
    """Erases persons. After a crash between any two steps the person is still there, disabled: erase it again.

    `known_seconds`: how long processes may still accept a token of a disabled person.
    """

    def __init__(
        self,
        people: People,
        uploads: Uploads,
        rows: ErasableRows,
        audit: AuditTrail,
        *,
        known_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._known_seconds = known_seconds
        self._people = people
        self._uploads = uploads
        self._rows = rows
        self._audit = audit

    async def erase(self, person_id: str, actor: Actor, *, delete_files: bool) -> None:
        """Erase a person; files that are kept have no sender any more.

        Raise UnknownPerson, BeingFinished, ChangedMeanwhile, StorageFull, StorageError, CatalogueError.
        """
        await self._people.change(person_id, PersonChange(is_disabled=True), actor)
        if actor.id == person_id:
            actor = replace(actor, name="", address=None)
        details: dict[str, Detail] = {"files": "deleted" if delete_files else "kept"}
        entry = self._audit.entry(actor, Action.PERSON_ERASED, Subject(person_id), details=details)
        await asyncio.sleep(self._known_seconds)
        for _ in range(MAX_ATTEMPTS):
            await self._uploads.erase(person_id, delete_files=delete_files)
            if await self._rows.erase_owner(person_id, entry):
                self._audit.report(entry)
                return
        raise ChangedMeanwhile
