"""Erase a person: who it was, what names it, and what it sent or only who sent it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from media_service.access.credentials import FRESH_SECONDS
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.people import PersonChange

if TYPE_CHECKING:
    from media_service.access.people import People
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
        self, people: People, uploads: Uploads, rows: ErasableRows, known_seconds: float = FRESH_SECONDS
    ) -> None:
        self._known_seconds = known_seconds
        self._people = people
        self._uploads = uploads
        self._rows = rows

    async def erase(self, person_id: str, *, delete_files: bool) -> None:
        """Erase a person; files that are kept have no sender any more.

        Raise UnknownPerson, BeingFinished, ChangedMeanwhile, StorageFull, StorageError, CatalogueError.
        """
        await self._people.change(person_id, PersonChange(is_disabled=True))
        await asyncio.sleep(self._known_seconds)
        for _ in range(MAX_ATTEMPTS):
            await self._uploads.erase(person_id, delete_files=delete_files)
            if await self._rows.erase_owner(person_id):
                return
        raise ChangedMeanwhile
