"""Changes of an upload beside its bytes: tags, chapters, sender, length and cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core import edits
from media_service.core.cover import accept_cover
from media_service.core.errors.covers import UnknownCover
from media_service.core.errors.uploads import WrongState
from media_service.core.ranges import Ranges
from media_service.core.upload_states import COMPLETE_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.access import Viewer
    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.upload import Upload
    from media_service.intake.context import Dependencies
    from media_service.intake.late_edits import LateEdits
    from media_service.intake.receiving.active_uploads import ActiveUpload, UploadView
    from media_service.intake.receiving.lifecycle import UploadLifecycle
    from media_service.intake.tasks import TaskTracker


class UploadEdits:
    """Edits receiving uploads, and complete ones through `late`. Raise as `core.edits`, UnknownUpload, ShuttingDown."""

    def __init__(self, deps: Dependencies, lifecycle: UploadLifecycle, late: LateEdits, tasks: TaskTracker) -> None:
        self._deps = deps
        self._lifecycle = lifecycle
        self._late = late
        self._tasks = tasks

    async def amend(
        self,
        upload_id: str,
        viewer: Viewer | None,
        *,
        tags: Mapping[str, str] | None = None,
        chapters: Sequence[Chapter] | None = None,
        length: int | None = None,
        sender: str | None = None,
        email: str | None = None,
    ) -> UploadView:
        """Change details, or set the unknown length; return the upload. Raise QuotaExceeded, and as `LateEdits`."""
        self._tasks.check_open()

        async def amended(active: ActiveUpload) -> Upload:
            upload = edits.amend(
                active.upload,
                active.received,
                self._deps.clock(),
                self._deps.options.limits,
                tags=tags,
                chapters=chapters,
                length=length,
                sender=sender,
                email=email,
            )
            if upload.length is not None and active.upload.length is None:
                await self._deps.usage.check_length(active, upload.length)
                await self._deps.quotas.admit(active, upload.length)
            return upload

        active = await self._deps.active_uploads.find(upload_id, viewer)
        try:
            return await self._lifecycle.change(active, amended)
        except WrongState:
            if length is not None:
                raise
        upload = await self._late.amend(upload_id, tags=tags, chapters=chapters, sender=sender, email=email)
        return self._deps.active_uploads.view(upload, Ranges())

    async def check_cover(self, upload_id: str, viewer: Viewer | None) -> None:
        """Check before a cover is read that the upload can get one."""
        self._tasks.check_open()
        upload = (await self._deps.active_uploads.find(upload_id, viewer)).upload
        if upload.state in COMPLETE_STATES:
            edits.check_editable(upload, self._deps.clock(), self._deps.options.lifetime)
        else:
            edits.with_cover(upload, None, self._deps.clock())

    async def put_cover(self, upload_id: str, viewer: Viewer | None, picture: bytes | None) -> UploadView:
        """Set the cover, durably; None removes it. Raise as `accept_cover` and `LateEdits`."""
        cover = None
        if picture is not None:
            seen, limits = await self._deps.media.inspect_picture(picture), self._deps.options.limits
            cover = accept_cover(len(picture), seen, limits.cover)
        self._tasks.check_open()

        async def covered(active: ActiveUpload) -> Upload:
            return edits.with_cover(active.upload, cover, self._deps.clock())

        active = await self._deps.active_uploads.find(upload_id, viewer)
        try:
            return await self._lifecycle.change(
                active, covered, lambda upload: self._deps.catalogue.save_cover(upload, picture)
            )
        except WrongState:
            upload = await self._late.put_cover(upload_id, cover, picture)
            return self._deps.active_uploads.view(upload, Ranges())

    async def cover(self, upload_id: str, viewer: Viewer | None) -> tuple[Cover, bytes]:
        """Return the cover and its picture, until the upload ends. Raise UnknownCover."""
        upload, _ = await self._deps.active_uploads.load(upload_id, viewer)
        picture = await self._deps.catalogue.cover(upload_id)
        if upload.cover is None or picture is None:
            raise UnknownCover
        return upload.cover, picture
