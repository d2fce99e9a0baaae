"""Collections, over the connections of the catalogue."""
# ruff: noqa: D102  # the port has the contract

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue import collection_sql as sql
from media_service.catalogue.audit import with_entry
from media_service.catalogue.change import Refused
from media_service.catalogue.coercion import blob, json_object, readable, text_or_none, texts
from media_service.catalogue.collection_rows import collection_value, listed_value
from media_service.catalogue.pagination import split_page
from media_service.catalogue.usage import usage_value
from media_service.core.collections import NO_DEFAULTS, Defaults
from media_service.core.quota import collection_usage
from media_service.core.usage import NO_USAGE

if TYPE_CHECKING:
    from collections.abc import Collection as Some

    from media_service.catalogue.change import Change
    from media_service.catalogue.engine import Reader, Writer
    from media_service.core.audit import AuditEntry
    from media_service.core.collections import Collection
    from media_service.core.usage import Usage


class CatalogueCollections:
    """Adapter of `core.ports.collections.Collections`. A row that cannot be read is logged, and counts as missing."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def add(self, collection: Collection, entry: AuditEntry | None = None) -> bool:
        return await self._is_done(with_entry(sql.add(collection), entry))

    async def save(self, collection: Collection, entry: AuditEntry | None = None) -> bool:
        return await self._is_done(with_entry(sql.save(collection), entry))

    async def save_cover(self, collection_id: str, picture: bytes | None, entry: AuditEntry | None = None) -> None:
        await self._writer.execute(with_entry(sql.save_cover(collection_id, picture), entry))

    async def by_slug(self, slug: str) -> Collection | None:
        found = readable(collection_value, await self._reader.rows(sql.by_slug(slug)))
        return found[0] if found else None

    async def slug_of(self, collection_id: str) -> str | None:
        rows = await self._reader.rows(sql.slug_of(collection_id))
        return text_or_none(rows[0]["slug"]) if rows else None

    async def cover(self, collection_id: str) -> bytes | None:
        rows = await self._reader.rows(sql.cover_of(collection_id))
        return blob(rows[0]["cover"]) if rows else None

    async def defaults(self, collection_id: str) -> Defaults:
        for row in await self._reader.rows(sql.defaults_of(collection_id)):
            return Defaults(texts(json_object(row["default_tags"])), blob(row["cover"]))
        return NO_DEFAULTS

    async def usage(self, collection_id: str) -> Usage:
        rows = await self._reader.rows(sql.usage_of(collection_usage(collection_id)))
        return usage_value(rows[0]) if rows else NO_USAGE

    async def page(
        self, ids: Some[str] | None, cursor: str | None, limit: int
    ) -> tuple[list[tuple[Collection, Usage]], str | None]:
        rows = await self._reader.rows(sql.page(ids, cursor, limit))
        page, following = split_page(rows, limit, "slug", "id")
        return readable(listed_value, page), following

    async def _is_done(self, change: Change) -> bool:
        """Return whether the change was done; False if it was refused."""
        try:
            await self._writer.execute(change)
        except Refused:
            return False
        return True
