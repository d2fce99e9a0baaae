"""Show, set and remove the covers of collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.collections import subject_of
from media_service.core.audit import Action
from media_service.core.cover import accept_cover
from media_service.core.errors.covers import UnknownCover

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.access.collections import Allowed, CollectionService
    from media_service.core.audit import Actor
    from media_service.core.cover import Cover, CoverLimits
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.media import Media


class CollectionCovers:
    """Covers of collections. Methods raise UnknownCollection, and as `accept_cover` within `limits`."""

    def __init__(
        self,
        service: CollectionService,
        collections: Collections,
        media: Media,
        limits: CoverLimits,
        audit: AuditTrail,
    ) -> None:
        self._service = service
        self._collections = collections
        self._media = media
        self._limits = limits
        self._audit = audit

    async def show(self, slug: str, allowed: Allowed) -> tuple[Cover, bytes]:
        """Return the cover and its picture. Raise UnknownCover."""
        picture = await self._collections.cover((await self._service.find(slug, allowed)).id)
        if picture is None:
            raise UnknownCover
        return await self._accept(picture), picture

    async def put(self, actor: Actor, slug: str, picture: bytes | None) -> None:
        """Set the cover; None removes it. Raise StorageFull, CatalogueError."""
        found = await self._service.find(slug, None)
        if picture is not None:
            await self._accept(picture)
        details = {"cover": picture is not None}
        entry = self._audit.entry(actor, Action.COLLECTION_CHANGED, subject_of(found), details=details)
        await self._collections.save_cover(found.id, picture, entry)
        self._audit.report(entry)

    async def _accept(self, picture: bytes) -> Cover:
        return accept_cover(len(picture), await self._media.inspect_picture(picture), self._limits)
