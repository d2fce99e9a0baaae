"""The service for finished files: find, list, read, and edit them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.access import may_access
from media_service.core.errors.base import ServiceError
from media_service.core.errors.covers import UnknownCover
from media_service.core.errors.files import FileTaken, UnknownFile
from media_service.core.files import Place
from media_service.core.places import check_in_spool
from media_service.intake.upload_locks import MAX_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from media_service.core.access import Viewer
    from media_service.core.chapters import Chapter
    from media_service.core.content import Content
    from media_service.core.cover import Cover
    from media_service.core.file_filters import FileFilters, Total
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.places import FilePlaces
    from media_service.core.ports.spool import Spool
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.taken import TakenFiles


class FileService:
    """Finished files. `viewer` None permits every file."""

    def __init__(
        self, catalogue: Catalogue, rows: FilePlaces, spool: Spool, *, retagger: Retagger, taken: TakenFiles
    ) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._taken = taken
        self._spool = spool
        self._retagger = retagger

    async def find(self, file_id: str, viewer: Viewer | None) -> StoredFile:
        """Return the file. Raise UnknownFile, also if the viewer may not access it."""
        file = await self._catalogue.file(file_id)
        if file is None or not may_access(viewer, file.owner, file.collection):
            raise UnknownFile
        return file

    async def listing(
        self,
        search: str,
        order: str,
        cursor: str | None,
        limit: int,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
        filters: FileFilters,
    ) -> tuple[list[StoredFile], str | None]:
        """See `Catalogue.list_files`."""
        return await self._catalogue.list_files(
            search, order, cursor, limit, owner=owner, collections=collections, filters=filters
        )

    async def count(
        self, search: str, *, owner: str | None = None, collections: Collection[str] = (), filters: FileFilters
    ) -> Total:
        """See `Catalogue.count_files`."""
        return await self._catalogue.count_files(search, owner=owner, collections=collections, filters=filters)

    async def trash(
        self,
        search: str,
        cursor: str | None,
        limit: int,
        *,
        owner: str | None = None,
        collections: Collection[str] = (),
    ) -> tuple[list[StoredFile], str | None]:
        """See `FilePlaces.list_trash`."""
        return await self._rows.list_trash(search, cursor, limit, owner=owner, collections=collections)

    async def loudness(self, file: StoredFile) -> LoudnessReport | None:
        """Return the file's loudness and silence, None if not measured yet."""
        return await self._catalogue.loudness(file.id)

    async def content(self, file: StoredFile, *, of_trash: bool) -> Content:
        """Return the file's bytes; those of a file in the trash if `of_trash`.

        Raise FileInTrash, FileTaken, FilePurged; what is missing is marked as taken.
        """
        content = await self._content(file, of_trash=of_trash)
        if content is None:
            # It was taken, or is being moved.
            found = await self._taken.check(file.id, MAX_WAIT_SECONDS)
            content = await self._content(found or file, of_trash=of_trash)
        if content is None:
            raise FileTaken
        return content

    async def _content(self, file: StoredFile, *, of_trash: bool) -> Content | None:
        if of_trash and file.place is Place.TRASH:
            return await self._spool.trashed_content(file.id)
        check_in_spool(file)
        return await self._spool.content(file.spool_entry.name)

    async def cover(self, file_id: str, viewer: Viewer | None) -> tuple[Cover, bytes]:
        """Return the front cover. Raise UnknownFile, UnknownCover, FileInTrash, FileTaken, FilePurged.

        Of a file of which it is not known whether it has one, this is saved.
        """
        file = await self.find(file_id, viewer)
        check_in_spool(file)
        try:
            found = await self._retagger.cover(file)
        except UnknownCover:
            await self._note_cover(file, has_cover=False)
            raise
        except FileNotFoundError as error:
            moved = await self._taken.check(file_id)
            check_in_spool(moved or file)
            raise FileTaken from error
        await self._note_cover(file, has_cover=True)
        return found

    async def _note_cover(self, file: StoredFile, *, has_cover: bool) -> None:
        if file.has_cover is None:
            # Without room for it the next request looks again.
            with suppress(ServiceError):
                await self._catalogue.save_has_cover(replace(file, has_cover=has_cover))

    async def edit(
        self,
        file_id: str,
        is_current: Callable[[bytes], bool],
        *,
        tags: Mapping[str, str] | None = None,
        chapters: Sequence[Chapter] | None = None,
        picture: bytes | None = None,
    ) -> StoredFile:
        """Edit as `Retagger.edit`; what is not given stays."""
        edited, _ = await self._retagger.edit(file_id, tags or {}, is_current, picture=picture, chapters=chapters)
        return edited
