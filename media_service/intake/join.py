"""Joining: one upload out of the bytes of others, in the order in which they are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core import concatenation, lifecycle
from media_service.core.errors.service import StorageTrouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.ports.partials import Partials
    from media_service.intake.receive import Intake
    from media_service.intake.register import View


class Joiner:
    """Joins uploads of one owner."""

    def __init__(self, intake: Intake, partials: Partials) -> None:
        self._intake = intake
        self._partials = partials

    async def join(self, wish: lifecycle.Wish, parts: Sequence[str], owner: str, dialect: str) -> View:
        """The joined upload, every byte of it recorded. The parts are given up then: their bytes are in it.

        Raises what `check_part_names`, `check_parts` and `Intake.create` raise, UnknownUpload, StorageFull,
        StorageTrouble.
        """
        concatenation.check_part_names(parts)
        views = await self._whole(parts, owner)
        length = sum(view.upload.length or 0 for view in views)
        joined, _ = await self._intake.create(replace(wish, length=length), owner, dialect)
        try:
            await self._intake.reserve_all(joined.upload.id, owner)
            await self._copy(views, joined, owner)
            view = await self._intake.adopt(joined.upload.id, owner)
        except BaseException:
            await self._intake.abandon(joined.upload.id)
            raise
        for part in parts:
            await self._intake.abandon(part)
        return view

    async def _whole(self, parts: Sequence[str], owner: str) -> list[View]:
        """The parts in their order."""
        views = [await self._intake.show(part, owner) for part in parts]
        concatenation.check_parts(((view.upload, view.received) for view in views), self._intake.conduct.limits)
        return views

    async def _copy(self, views: Sequence[View], joined: View, owner: str) -> None:
        """Copies the parts' bytes, and refuses what was given up meanwhile: its bytes may be missing."""
        missing: FileNotFoundError | None = None
        try:
            await self._partials.join(joined.upload.id, [(view.upload.id, view.upload.length or 0) for view in views])
        except FileNotFoundError as error:
            missing = error
        await self._intake.check_open(joined.upload.id, owner)
        await self._whole([view.upload.id for view in views], owner)
        if missing is not None:
            raise StorageTrouble from missing
