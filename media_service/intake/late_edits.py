"""Change name and details of a complete upload, until a while after its end.

A change is acknowledged once it is in the row of an untagged upload, or in the finished file and its rows. While the
upload is being finished it waits, so no pending change must survive a crash: clients retry, and edits are idempotent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core import edits
from media_service.core.errors.files import UnknownFile
from media_service.core.errors.service import BeingFinished
from media_service.core.upload_states import FINISHING
from media_service.intake.loading import load_upload
from media_service.intake.upload_locks import locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.locks import Locks
    from media_service.core.upload import Upload
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.options import IntakeOptions


class LateEdits:
    """Edits complete uploads. The caller has checked the owner. Raise as `core.edits` and `Retagger.edit`."""

    def __init__(
        self,
        catalogue: Catalogue,
        locks: Locks,
        retagger: Retagger,
        options: IntakeOptions,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._locks = locks
        self._retagger = retagger
        self._options = options
        self._clock = clock

    async def amend(
        self,
        upload_id: str,
        *,
        tags: Mapping[str, str] | None,
        chapters: Sequence[Chapter] | None,
        sender: str | None,
        email: str | None = None,
    ) -> Upload:
        """Change the details in the upload and its file. Raise BeingFinished if it waits too long or is tagged."""
        async with locked(self._locks, upload_lock(upload_id)):
            before, _ = await load_upload(self._catalogue, upload_id)
            after = edits.amend_complete(
                before,
                self._clock(),
                self._options.lifetime,
                tags=tags,
                chapters=chapters,
                sender=sender,
                email=email,
            )
            if before.state in FINISHING:
                _check_untagged(before)
                return await self._catalogue.save(after)
            file = await self._file_of(before)
            changes = edits.tag_changes(before, after, file.tags)
            other_chapters = after.chapters if chapters is not None and after.chapters != file.chapters else None
            if not self._options.writes_tags:
                changes, other_chapters = edits.TagChanges({}, frozenset()), None
            _, saved = await self._retagger.edit(
                file.id,
                {**changes.given, **dict.fromkeys(changes.removed, "")},
                _is_still(file),
                chapters=other_chapters,
                upload=after,
            )
            assert saved is not None
            return saved

    async def put_cover(self, upload_id: str, cover: Cover | None, picture: bytes | None) -> Upload:
        """Set or remove the cover in the upload and its file. Raise as `amend`."""
        async with locked(self._locks, upload_lock(upload_id)):
            before, _ = await load_upload(self._catalogue, upload_id)
            after = edits.with_late_cover(before, cover, self._clock(), self._options.lifetime)
            if before.state in FINISHING:
                _check_untagged(before)
                return await self._catalogue.save_cover(after, picture)
            file = await self._file_of(before)
            # The sender's cover replaced the file's own, which is lost: removing it leaves none.
            embedded = (picture or b"") if self._options.writes_tags and (picture or before.cover) else None
            _, saved = await self._retagger.edit(file.id, {}, _is_still(file), picture=embedded, upload=after)
            assert saved is not None
            return saved

    async def _file_of(self, upload: Upload) -> StoredFile:
        file = await self._catalogue.file(upload.file_id or "")
        if file is None:
            raise UnknownFile
        return file


def _check_untagged(upload: Upload) -> None:
    """Raise BeingFinished if the tags are already in the file, which is not delivered yet."""
    if upload.publish_intent is not None:
        raise BeingFinished


def _is_still(file: StoredFile) -> Callable[[bytes], bool]:
    return lambda sha256: sha256 == file.spool_entry.sha256
