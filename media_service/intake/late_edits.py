"""What a sender changes about an upload that is whole: its name and details until a while after the end.

A change is acknowledged only when it is where it counts: in the row of an upload whose file has not been tagged yet, or
in the finished file and its rows. While the upload is being finished the change waits for that, so nothing has to be
remembered over a crash: whoever heard no answer asks again, and the same change made twice is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core import edits
from media_service.core.errors.files import UnknownFile
from media_service.core.errors.service import BeingFinished
from media_service.core.errors.uploads import UnknownUpload
from media_service.core.upload_states import FINISHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload
    from media_service.intake.finalizing.queue import FinalizeQueue
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.options import IntakeOptions

LONGEST_WAIT_SECONDS = 20.0
"""How long a change waits for an attempt to finish the upload. Clients give up after 30 s and ask again."""


class LateEdits:
    """Changes uploads of which every byte is here. The caller has checked whose they are."""

    def __init__(
        self,
        catalogue: Catalogue,
        queue: FinalizeQueue,
        retagger: Retagger,
        options: IntakeOptions,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._queue = queue
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
    ) -> Upload:
        """The upload with other tags, chapters or another sender, and so its file.

        Raises WrongState when it is too late, UnknownFile where the file's reader took it away, FileChanged where an
        admin edited it at the same time, Malformed, DetailsTooLarge, BeingFinished, and what `Retagger.edit` raises.
        """
        async with self._queue.paused(upload_id, LONGEST_WAIT_SECONDS):
            before = await self._load(upload_id)
            after = edits.amend_complete(
                before, self._clock(), self._options.lifetime, tags=tags, chapters=chapters, sender=sender
            )
            if before.state in FINISHING:
                _check_untagged(before)
                await self._catalogue.save(after)
                return after
            file = await self._file_of(before)
            changes = edits.tag_changes(before, after, file.tags)
            other_chapters = after.chapters if chapters is not None and after.chapters != file.chapters else None
            if not self._options.writes_tags:
                changes, other_chapters = edits.TagChanges({}, frozenset()), None
            await self._retagger.edit(
                file.id,
                {**changes.given, **dict.fromkeys(changes.removed, "")},
                _is_still(file),
                chapters=other_chapters,
                upload=after,
            )
            return after

    async def put_cover(self, upload_id: str, cover: Cover | None, picture: bytes | None) -> Upload:
        """The upload with this cover, or without one of its own, and so its file. Raises as `amend` does."""
        async with self._queue.paused(upload_id, LONGEST_WAIT_SECONDS):
            before = await self._load(upload_id)
            after = edits.with_late_cover(before, cover, self._clock(), self._options.lifetime)
            if before.state in FINISHING:
                _check_untagged(before)
                await self._catalogue.save_cover(after, picture)
                return after
            file = await self._file_of(before)
            # Without a picture the one that the sender brought goes; what the file had before it is not known any more.
            brings = (picture or b"") if self._options.writes_tags and (picture or before.cover) else None
            await self._retagger.edit(file.id, {}, _is_still(file), picture=brings, upload=after)
            return after

    async def _load(self, upload_id: str) -> Upload:
        loaded = await self._catalogue.load(upload_id)
        if loaded is None:
            raise UnknownUpload
        return loaded[0]

    async def _file_of(self, upload: Upload) -> StoredFile:
        file = await self._catalogue.file(upload.file_id or "")
        if file is None:
            raise UnknownFile
        return file


def _check_untagged(upload: Upload) -> None:
    """Raise BeingFinished for an upload whose tags are in its file already, though that is not delivered yet."""
    if upload.publish_intent is not None:
        raise BeingFinished


def _is_still(file: StoredFile) -> Callable[[bytes], bool]:
    return lambda sha256: sha256 == file.spool_entry.sha256
