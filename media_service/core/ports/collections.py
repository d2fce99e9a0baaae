"""Contract for the rows of collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection as Some

    from media_service.core.audit import AuditEntry
    from media_service.core.collections import Collection, Defaults
    from media_service.core.usage import Usage


class Collections(Protocol):
    """Durable rows: each change is one transaction, on disk when its call returns, with its entry of the audit trail.

    A change raises StorageFull, CatalogueError.
    """

    async def add(self, collection: Collection, entry: AuditEntry | None = None) -> bool:
        """Insert a collection and its usage row; return False and insert nothing if the slug is taken."""

    async def save(self, collection: Collection, entry: AuditEntry | None = None) -> bool:
        """Update title, default tags, limit and archiving; return False if there is no such collection."""

    async def save_cover(self, collection_id: str, picture: bytes | None, entry: AuditEntry | None = None) -> None:
        """Replace the picture of the collection's cover; None removes it."""

    async def by_slug(self, slug: str) -> Collection | None:
        """Return the collection with this slug."""

    async def slug_of(self, collection_id: str) -> str | None:
        """Return the slug of the collection with this id."""

    async def cover(self, collection_id: str) -> bytes | None:
        """Return the picture of the collection's cover."""

    async def defaults(self, collection_id: str) -> Defaults:
        """Return what files of the collection get by default; nothing if there is no such collection."""

    async def usage(self, collection_id: str) -> Usage:
        """Return what the collection has stored and reserved."""

    async def page(
        self, ids: Some[str] | None, cursor: str | None, limit: int
    ) -> tuple[list[tuple[Collection, Usage]], str | None]:
        """Return a page of collections with their usage, by slug, and the next page's cursor.

        `ids` None: all of them. A row that cannot be read is left out. Raise Malformed.
        """
