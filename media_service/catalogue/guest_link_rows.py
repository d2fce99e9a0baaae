"""Convert between rows of guest links and the values of `core`. Unusable columns count as missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from media_service.catalogue.coercion import (
    UnreadableRow,
    end_time,
    integer,
    json_array,
    json_object,
    member,
    text,
    text_or_none,
)
from media_service.catalogue.usage import usage_value
from media_service.core.access import LINK_PREFIX, Role
from media_service.core.accounts import OwnerKind, OwnerLimits
from media_service.core.guest_links import Ask, Asks, GuestLink, ListedLink

if TYPE_CHECKING:
    from media_service.catalogue.engine import Row


def owner_row(link: GuestLink) -> dict[str, Any]:
    """Return the columns of `owners`."""
    return {
        "id": link.id,
        "kind": OwnerKind.LINK.value,
        "role": Role.SENDER.value,
        "name": link.title,
        "files_max": link.limits.files,
        "bytes_max": link.limits.bytes,
        "file_bytes_max": link.limits.file_bytes,
        "created_by": link.created_by,
        "created_at": link.created_at,
    }


def link_row(link: GuestLink) -> dict[str, Any]:
    """Return the columns of `links`."""
    return {
        "owner": link.id,
        "note": link.note,
        "asks": json.dumps(asdict(link.asks)),
        "opens_at": link.opens_at,
        "expires_at": link.expires_at,
        "passphrase": link.passphrase,
        "allowed_origins": json.dumps(sorted(link.allowed_origins)),
        "reference": link.reference,
        "collection": link.collection,
        "closed_at": link.closed_at,
    }


def link_value(row: Row) -> GuestLink:
    """Return the link. Raise UnreadableRow."""
    link_id, created_at = row["id"], integer(row["created_at"])
    if not isinstance(link_id, str) or not link_id.startswith(LINK_PREFIX) or created_at is None:
        raise UnreadableRow("id")
    asks = json_object(row["asks"])
    return GuestLink(
        id=link_id,
        title=text(row["name"]),
        created_at=created_at,
        note=text(row["note"]),
        asks=Asks(**{name: member(Ask, asks.get(name)) or Ask.NO for name in ("name", "email", "title")}),
        opens_at=integer(row["opens_at"]),
        expires_at=end_time(row, "expires_at"),
        limits=OwnerLimits(
            files=integer(row["files_max"]),
            bytes=integer(row["bytes_max"]),
            file_bytes=integer(row["file_bytes_max"]),
        ),
        passphrase=text_or_none(row["passphrase"]),
        allowed_origins=frozenset(filter(text, json_array(row["allowed_origins"]))),
        reference=text_or_none(row["reference"]),
        collection=text_or_none(row["collection"]),
        created_by=text_or_none(row["created_by"]),
        closed_at=end_time(row, "closed_at"),
    )


def listed_link_value(row: Row) -> ListedLink:
    """Return the link with its usage and names. Raise UnreadableRow."""
    return ListedLink(
        link=link_value(row),
        usage=usage_value(row),
        collection_slug=text_or_none(row["collection_slug"]),
        creator_name=text_or_none(row["creator_name"]),
    )
