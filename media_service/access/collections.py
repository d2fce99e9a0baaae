"""Create, list, change and archive collections, and decide who may send to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.change_lock import change_lock
from media_service.core import collections as rules
from media_service.core.audit import Action, Subject
from media_service.core.errors.access import NameTaken
from media_service.core.errors.collections import UnknownCollection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Collection as Some

    from media_service.access.audit import AuditTrail
    from media_service.core.audit import Actor, Detail
    from media_service.core.collections import Collection, CollectionChanges
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.locks import Locks
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
        locks: Locks,
        audit: AuditTrail,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._collections = collections
        self._locks = locks
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
        entry = self._audit.entry(actor, Action.COLLECTION_MADE, subject_of(created))
        if not await self._collections.add(created, entry):
            raise NameTaken(created.slug)
        self._audit.report(entry)
        return created

    async def change(self, actor: Actor, slug: str, changes: CollectionChanges) -> Collection:
        """Return the collection with these changes. Raise Malformed, DetailsTooLarge, ChangedMeanwhile."""
        async with change_lock(self._locks, f"collection:{slug}"):
            changed = rules.change(await self.find(slug, None), changes, self._clock())
            details: dict[str, Detail] = {"archived": changed.archived_at is not None}
            entry = self._audit.entry(actor, Action.COLLECTION_CHANGED, subject_of(changed), details=details)
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

    async def ids(self, slugs: Iterable[str]) -> frozenset[str]:
        """Return the ids of these collections, also of archived ones."""
        return frozenset([(await self.find(slug, None)).id for slug in slugs])

    async def slugs(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the slugs of these collections by id; what does not exist is left out."""
        found = {collection_id: await self.slug_of(collection_id) for collection_id in frozenset(ids)}
        return {collection_id: slug for collection_id, slug in found.items() if slug is not None}

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


def subject_of(collection: Collection) -> Subject:
    """Return the collection as the audit trail names it."""
    return Subject(collection.id, collection.title)
