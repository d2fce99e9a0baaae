"""Concatenate uploads into a new one, in the order in which they are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core import concatenation, lifecycle
from media_service.core.errors.service import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.access import Viewer
    from media_service.core.ports.upload_store import UploadStore
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService


class Concatenator:
    """Concatenates uploads that one viewer may access."""

    def __init__(self, uploads: UploadService, store: UploadStore) -> None:
        self._uploads = uploads
        self._store = store

    async def concatenate(
        self, request: lifecycle.UploadRequest, parts: Sequence[str], viewer: Viewer | None, dialect: str
    ) -> UploadView:
        """Return the new upload with all bytes recorded; then the parts are cancelled.

        Raise as `check_part_names`, `check_parts` and `UploadService.create`, and StorageError.
        """
        concatenation.check_part_names(parts)
        views = await self._check_parts(parts, viewer)
        length = sum(view.upload.length or 0 for view in views)
        created, _ = await self._uploads.create(replace(request, length=length), dialect)
        try:
            await self._uploads.reserve_all(created.upload.id)
            stored = await self._copy(views, created)
            view = await self._uploads.adopt(created.upload.id, stored)
        except BaseException:
            await self._uploads.abandon(created.upload.id)
            raise
        for part in parts:
            await self._uploads.abandon(part)
        return view

    async def _check_parts(self, parts: Sequence[str], viewer: Viewer | None) -> list[UploadView]:
        views = [await self._uploads.show(part, viewer) for part in parts]
        concatenation.check_parts(((view.upload, view.received) for view in views), self._uploads.options.limits)
        return views

    async def _copy(self, views: Sequence[UploadView], created: UploadView) -> str | None:
        """Copy the bytes, and raise if an upload was cancelled meanwhile: bytes may be missing.

        Return the object to record, if the store has objects.
        """
        sources = [
            (view.upload.id, await self._uploads.slices(view.upload.id, None), view.upload.length or 0)
            for view in views
        ]
        missing: FileNotFoundError | None = None
        stored: str | None = None
        try:
            stored = await self._store.concatenate(created.upload.id, sources)
        except FileNotFoundError as error:
            missing = error
        await self._uploads.check_open(created.upload.id, None)
        await self._check_parts([view.upload.id for view in views], None)
        if missing is not None:
            raise StorageError from missing
        return stored
