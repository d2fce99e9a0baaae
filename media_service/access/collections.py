"""Create, list, change and archive collections, and decide who may send to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core import collections as rules
from media_service.core.audit import Action, Subject
from media_service.core.cover import accept_cover
from media_service.core.errors.access import NameTaken
from media_service.core.errors.collections import UnknownCollection
from media_service.core.errors.covers import UnknownCover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Collection as Some

    from media_service.access.audit import AuditTrail
    from media_service.core.audit import Actor, AuditEntry, Detail
    from media_service.core.collections import Collection, CollectionChanges
    from media_service.core.cover import Cover, CoverLimits
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.media import Media
    from media_service.core.usage import Usage

Allowed = frozenset[str] | None
"""Ids of the collections that a caller may work in; None for all."""

CACHED_SLUGS = 4096


class CollectionService:
    """Collections of a service. Methods with a slug raise UnknownCollection, also for one that is not allowed.

    `clock` returns UTC microseconds. All methods raise CatalogueError, and those that change StorageFull.
    """

    def __init__(
        self,
        collections: Collections,
        media: Media,
        covers: CoverLimits,
        audit: AuditTrail,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._collections = collections
        self._media = media
        self._covers = covers
        self._audit = audit
        self._clock = clock
        self._new_id = new_id
        self._slugs: dict[str, str] = {}

    async def create(
        self,
        actor: Actor,
        slug: str,
        title: str,
        *,
        default_tags: Mapping[str, str] | None = None,
        bytes_max: int | None = None,
    ) -> Collection:
        """Return a new collection. Raise NameTaken, Malformed, DetailsTooLarge."""
        created = rules.create(
            slug, title, id=self._new_id(), now=self._clock(), default_tags=default_tags, bytes_max=bytes_max
        )
        entry = self._entry(actor, Action.COLLECTION_MADE, created)
        if not await self._collections.add(created, entry):
            raise NameTaken(created.slug)
        self._audit.report(entry)
        return created

    async def change(self, actor: Actor, slug: str, changes: CollectionChanges) -> Collection:
        """Return the collection with these changes. Raise Malformed, DetailsTooLarge."""
        changed = rules.change(await self.find(slug, None), changes, self._clock())
        entry = self._entry(actor, Action.COLLECTION_CHANGED, changed, {"archived": changed.archived_at is not None})
        if not await self._collections.save(changed, entry):
            raise UnknownCollection
        self._audit.report(entry)
        return changed

    async def find(self, slug: str, allowed: Allowed) -> Collection:
        """Return the collection, also an archived one."""
        found = await self._collections.by_slug(slug) if rules.is_slug(slug) else None
        if found is None or (allowed is not None and found.id not in allowed):
            raise UnknownCollection
        return found

    async def resolve(self, slug: str, allowed: Allowed) -> str:
        """Return the id of a collection that takes uploads. Raise UnknownCollection for an archived one too."""
        found = await self.find(slug, allowed)
        if found.archived_at is not None:
            raise UnknownCollection
        return found.id

    async def check_open(self, collection_id: str) -> None:
        """Check that the collection of a token or a link takes uploads. Raise UnknownCollection."""
        slug = await self.slug_of(collection_id)
        if slug is None:
            raise UnknownCollection
        await self.resolve(slug, None)

    async def slug_of(self, collection_id: str | None) -> str | None:
        """Return the slug of the collection; None for the general one."""
        if collection_id is None:
            return None
        # Slugs never change, so what was read once stays right.
        slug = self._slugs.get(collection_id)
        if slug is None and (slug := await self._collections.slug_of(collection_id)) is not None:
            if len(self._slugs) >= CACHED_SLUGS:
                self._slugs.clear()
            self._slugs[collection_id] = slug
        return slug

    async def usage(self, collection: Collection) -> Usage:
        """Return what the collection has stored and reserved."""
        return await self._collections.usage(collection.id)

    async def page(
        self, allowed: Some[str] | None, cursor: str | None, limit: int
    ) -> tuple[list[tuple[Collection, Usage]], str | None]:
        """Return a page of the allowed collections with their usage, by slug. Raise Malformed."""
        return await self._collections.page(allowed, cursor, limit)

    async def cover(self, slug: str, allowed: Allowed) -> tuple[Cover, bytes]:
        """Return the cover and its picture. Raise UnknownCover, and as `accept_cover` if the limits were lowered."""
        picture = await self._collections.cover((await self.find(slug, allowed)).id)
        if picture is None:
            raise UnknownCover
        return await self._accept(picture), picture

    async def put_cover(self, actor: Actor, slug: str, picture: bytes | None) -> None:
        """Set the cover; None removes it. Raise as `accept_cover`."""
        found = await self.find(slug, None)
        if picture is not None:
            await self._accept(picture)
        entry = self._entry(actor, Action.COLLECTION_CHANGED, found, {"cover": picture is not None})
        await self._collections.save_cover(found.id, picture, entry)
        self._audit.report(entry)

    async def _accept(self, picture: bytes) -> Cover:
        return accept_cover(len(picture), await self._media.inspect_picture(picture), self._covers)

    def _entry(
        self, actor: Actor, action: Action, collection: Collection, details: Mapping[str, Detail] | None = None
    ) -> AuditEntry:
        return self._audit.entry(actor, action, Subject(collection.id, collection.title), details=details)
