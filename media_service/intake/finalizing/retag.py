"""Write other tags, cover or chapters into a file in the spool.

A new file is assembled and replaces the old one atomically. Its digest is saved before; after a crash the digest of the
file in the spool tells which of the two it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from media_service.core.chapters import clean_chapters
from media_service.core.cover import accept_cover
from media_service.core.errors.base import Refusal
from media_service.core.errors.covers import UnknownCover
from media_service.core.errors.files import FileChanged, UnknownFile
from media_service.core.files import CoverAndChapters, SpoolEntry
from media_service.core.places import check_in_spool
from media_service.core.tags import clean_tags
from media_service.core.upload import PublishIntent
from media_service.intake.upload_locks import file_lock, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover, CoverLimits
    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.media import Media
    from media_service.core.ports.spool import Spool
    from media_service.core.upload import Upload
    from media_service.intake.moves import FileMoves

log = structlog.get_logger()


class Retagger:
    """Edits finished files, each by one caller at a time, in all processes."""

    def __init__(
        self,
        catalogue: Catalogue,
        spool: Spool,
        media: Media,
        covers: CoverLimits,
        *,
        moves: FileMoves,
        locks: Locks,
    ) -> None:
        self._covers = covers
        self._moves = moves
        self._catalogue = catalogue
        self._spool = spool
        self._media = media
        self._locks = locks

    async def edit(
        self,
        file_id: str,
        tags: Mapping[str, str],
        is_current: Callable[[bytes], bool],
        *,
        picture: bytes | None = None,
        chapters: Sequence[Chapter] | None = None,
        upload: Upload | None = None,
    ) -> tuple[StoredFile, Upload | None]:
        """Return the edited file, and the upload as saved. Empty values remove, None keeps.

        With `upload`, save it in the same transaction, and its sender in the file's row. Raise FileChanged unless
        `is_current` accepts the file's SHA-256, UnknownFile, FileInTrash, FileTaken or FilePurged if it is not in the
        spool, NotMp3 if it cannot be written, Malformed, StorageFull, and as `accept_cover`.
        """
        given = clean_tags(tags)
        if picture:
            accept_cover(len(picture), await self._media.inspect_picture(picture), self._covers)
        async with locked(self._locks, file_lock(file_id)):
            file = await self.settled(file_id)
            if file is None:
                raise UnknownFile
            if not is_current(file.spool_entry.sha256):
                raise FileChanged
            try:
                duration = file.facts.duration
                rising = None if chapters is None else clean_chapters(chapters, duration)
                removed, additions = set(tags) - set(given), CoverAndChapters(picture, rising, duration)
                if upload is not None and not (tags or additions):
                    edited = replace(file, sender=upload.sender)
                    return edited, await self._catalogue.retag(edited, upload)
                check_in_spool(file)
                return await self._place(file, given, removed, additions, upload)
            except FileNotFoundError as error:
                await self._recover_one(file_id)
                check_in_spool(await self._moves.refresh(file))
                # Another program has replaced the file.
                raise FileChanged from error
            finally:
                await self._spool.discard_assembled(file_id)

    async def cover(self, file: StoredFile) -> tuple[Cover, bytes]:
        """Return the front cover if it meets the limits of covers. Raise UnknownCover, FileNotFoundError."""
        async with self._spool.reading(file.spool_entry.name, tags_only=True) as source:
            picture = await self._media.front_cover(source.path)
        if picture is None:
            raise UnknownCover
        try:
            return accept_cover(len(picture), await self._media.inspect_picture(picture), self._covers), picture
        except Refusal:
            raise UnknownCover from None

    async def settled(self, file_id: str) -> StoredFile | None:
        """Finish or drop what was interrupted of this file, an edit or a move; return it. The caller has its lock."""
        await self._recover_one(file_id)
        await self._moves.settle(file_id)
        return await self._catalogue.file(file_id)

    async def recover(self) -> None:
        """Finish or drop the edits that a crash interrupted, after a start."""
        for file, _ in await self._catalogue.retag_intents():
            async with locked(self._locks, file_lock(file.id)):
                await self._recover_one(file.id)

    async def _recover_one(self, file_id: str) -> None:
        """Finish or drop an edit of this file that a crash or an error interrupted. The caller has its lock."""
        interrupted = await self._catalogue.retag_intent(file_id)
        if interrupted is None:
            return
        file, plan = interrupted
        done = await self._spool.measure(file.spool_entry.name) == (plan.size, plan.sha256)
        log.info("interrupted edit recovered", file=file.id, done=done)
        if done:
            await self._catalogue.retag(_as_planned(file, plan))
        else:
            await self._catalogue.save_retag_intent(file.id, None)

    async def _place(
        self,
        file: StoredFile,
        given: Mapping[str, str],
        removed: set[str],
        additions: CoverAndChapters,
        upload: Upload | None,
    ) -> tuple[StoredFile, Upload | None]:
        async with self._spool.reading(file.spool_entry.name) as source:
            rewrite, values = await self._media.plan_edit(source.path, given, removed, additions)
            assembled = await self._spool.assemble(file.id, source, rewrite, rewrite.length)
        tags = {key: text for key, text in file.tags.items() if key not in removed} | dict(given)
        chapters = file.chapters if additions.chapters is None else additions.chapters
        plan = PublishIntent(
            file.spool_entry.name, assembled.size, assembled.sha256, tags, chapters, has_cover=values.has_cover
        )
        await self._catalogue.save_retag_intent(file.id, plan)
        await self._spool.replace(file.id, file.spool_entry.name)
        edited = _as_planned(file, plan)
        if upload is not None:
            edited = replace(edited, sender=upload.sender)
        saved = await self._catalogue.retag(edited, upload)
        log.info("tags edited", file=file.id, name=file.spool_entry.name)
        return edited, saved


def _as_planned(file: StoredFile, plan: PublishIntent) -> StoredFile:
    return replace(
        file,
        spool_entry=SpoolEntry(plan.name, plan.size, plan.sha256),
        tags=plan.tags,
        chapters=plan.chapters,
        has_cover=plan.has_cover,
    )
