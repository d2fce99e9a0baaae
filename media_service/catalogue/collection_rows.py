"""Convert between rows of `collections` and the values of `core`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from media_service.catalogue.coercion import UnreadableRow, id_of, integer, json_object, text, texts
from media_service.catalogue.usage import usage_value
from media_service.core.collections import Collection, is_slug

if TYPE_CHECKING:
    from media_service.catalogue.engine import Row
    from media_service.core.usage import Usage


def collection_row(collection: Collection) -> dict[str, Any]:
    """Return the columns of `collections` for this collection, without the cover."""
    return {
        "id": collection.id,
        "slug": collection.slug,
        "title": collection.title,
        "default_tags": json.dumps(dict(collection.default_tags), ensure_ascii=False),
        "bytes_max": collection.bytes_max,
        "created_at": collection.created_at,
        "archived_at": collection.archived_at,
    }


def collection_value(row: Row) -> Collection:
    """Return the collection of a row. Raise UnreadableRow."""
    if not is_slug(text(row["slug"])):
        raise UnreadableRow("slug")
    return Collection(
        id=id_of(row),
        slug=row["slug"],
        title=text(row["title"]),
        default_tags=texts(json_object(row["default_tags"])),
        has_cover=bool(row["has_cover"]),
        bytes_max=integer(row["bytes_max"]),
        created_at=integer(row["created_at"]) or 0,
        archived_at=integer(row["archived_at"]),
    )


def listed_value(row: Row) -> tuple[Collection, Usage]:
    """Return a collection and its usage. Raise UnreadableRow."""
    return collection_value(row), usage_value(row)
