"""Read and write collections. Each statement is compiled once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal, select, update

from media_service.catalogue.access_tables import collections
from media_service.catalogue.change import Change
from media_service.catalogue.collection_rows import collection_row
from media_service.catalogue.compiled import CompiledStatement, Statement, compiled
from media_service.catalogue.constructs import insert
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.tables import usage
from media_service.core.quota import COLLECTION_USAGE_PREFIX, collection_usage

if TYPE_CHECKING:
    from collections.abc import Collection as Some

    from sqlalchemy import ClauseElement, Select

    from media_service.core.collections import Collection

# Without the picture, which may have megabytes.
_COLUMNS = (
    *(column for column in collections.columns if column is not collections.c.cover),
    collections.c.cover.is_not(None).label("has_cover"),
)
_USAGE = [column for column in usage.columns if column is not usage.c.id]
_CHANGED = ("title", "default_tags", "bytes_max", "archived_at")


def _insert_collection() -> ClauseElement:
    names = [column.name for column in collections.columns if column is not collections.c.cover]
    free = insert(collections).values({name: bindparam(name) for name in names})
    return free.on_conflict_do_nothing(index_elements=[collections.c.slug])


_INSERT = CompiledStatement(_insert_collection())
_INSERT_USAGE = CompiledStatement(insert(usage).values(id=bindparam("id")))
_UPDATE = CompiledStatement(
    update(collections)
    .where(collections.c.id == bindparam("row_id"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_SET_COVER = CompiledStatement(
    update(collections).where(collections.c.id == bindparam("row_id")).values(cover=bindparam("cover"))
)


def add(collection: Collection) -> Change:
    """Insert a collection and its usage row, unless its slug is taken."""
    usage_row = {"id": collection_usage(collection.id)}
    return Change([_INSERT.bind(collection_row(collection)), _INSERT_USAGE.bind(usage_row)], guard=0)


def save(collection: Collection) -> Change:
    """Update a collection that is there."""
    row = collection_row(collection)
    return Change([_UPDATE.bind({"row_id": collection.id} | {name: row[name] for name in _CHANGED})], guard=0)


def save_cover(collection_id: str, picture: bytes | None) -> Change:
    """Replace or remove the picture."""
    return Change([_SET_COVER.bind({"row_id": collection_id, "cover": picture})])


@compiled
def by_slug(slug: str) -> Select[Any]:
    """Read the collection with this slug."""
    return select(*_COLUMNS).where(collections.c.slug == slug)


@compiled
def slug_of(collection_id: str) -> Select[Any]:
    """Read the slug of a collection."""
    return select(collections.c.slug).where(collections.c.id == collection_id)


@compiled
def cover_of(collection_id: str) -> Select[Any]:
    """Read the picture of the cover."""
    return select(collections.c.cover).where(collections.c.id == collection_id)


@compiled
def defaults_of(collection_id: str) -> Select[Any]:
    """Read what files of the collection get by default."""
    return select(collections.c.default_tags, collections.c.cover).where(collections.c.id == collection_id)


@compiled
def usage_of(usage_id: str | None) -> Select[Any]:
    """Read the usage row."""
    return select(usage).where(usage.c.id == usage_id)


def page(ids: Some[str] | None, cursor: str | None, limit: int) -> Statement:
    """Read one collection more than the page has, by slug, with its usage. Raise Malformed."""
    values: dict[str, Any] = {"rows": limit + 1}
    if ids is not None:
        values["ids"] = sorted(ids)
    if cursor is not None:
        values["last_slug"], _ = decode_cursor(cursor, str, str)
    return _page(all_ids=ids is None, after=cursor is not None).bind(values)


@lru_cache
def _page(*, all_ids: bool, after: bool) -> CompiledStatement:
    used = usage.c.id == literal(COLLECTION_USAGE_PREFIX) + collections.c.id
    query = select(*_COLUMNS, *_USAGE).join_from(collections, usage, used, isouter=True)
    if not all_ids:
        query = query.where(collections.c.id.in_(bindparam("ids", expanding=True)))
    if after:
        query = query.where(collections.c.slug > bindparam("last_slug"))
    return CompiledStatement(query.order_by(collections.c.slug).limit(bindparam("rows")))
