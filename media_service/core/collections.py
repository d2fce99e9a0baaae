"""Collections ("shows", "podcasts", "fonds"): what groups uploads and files, and what its files get by default."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from media_service.core.errors.limits import DetailsTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.limits import DETAILS_BYTES
from media_service.core.tags import clean_tags
from media_service.core.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Mapping

COLLECTION_BYTES_MAX = 2**62
"""More than any disk; two of them can be added in 64 bits."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection. Times are UTC microseconds.

    `slug` names it in URLs and requests and never changes. `default_tags` are written into its files where neither the
    sender nor the file has the tag. `bytes_max` limits what it stores, None for no limit. An archived one takes no
    uploads and keeps its files. The picture of its cover is in the catalogue.
    """

    id: str
    slug: str
    title: str
    created_at: int
    default_tags: Mapping[str, str] = field(default_factory=dict)
    has_cover: bool = False
    bytes_max: int | None = None
    archived_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionChanges:
    """Members of a collection to change; None keeps one. `removes_limit`: set `bytes_max` to None."""

    title: str | None = None
    default_tags: Mapping[str, str] | None = None
    bytes_max: int | None = None
    removes_limit: bool = False
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a file of a collection gets where neither its sender nor the file has it: tags, and the cover's picture."""

    tags: Mapping[str, str] = field(default_factory=dict)
    picture: bytes | None = None


NO_DEFAULTS = Defaults()


def check_slug(slug: str) -> str:
    """Return the slug. Raise Malformed."""
    if not is_slug(slug):
        raise Malformed("slug", "it must be 1 to 64 of a-z, 0-9 and -, and not begin with -")
    return slug


def is_slug(text: str) -> bool:
    """Return whether a collection could have this slug."""
    return _SLUG.fullmatch(text) is not None


def create(
    slug: str,
    title: str,
    *,
    id: str,
    now: int,
    default_tags: Mapping[str, str] | None = None,
    bytes_max: int | None = None,
) -> Collection:
    """Return a new collection. Raise Malformed, DetailsTooLarge."""
    return Collection(
        id=id,
        slug=check_slug(slug),
        title=_clean_title(title),
        created_at=now,
        default_tags=_clean_defaults(default_tags or {}),
        bytes_max=_check_limit(bytes_max),
    )


def change(collection: Collection, changes: CollectionChanges, now: int) -> Collection:
    """Return the collection with these changes. An archived one keeps the time of its archiving. Raise as `create`."""
    if changes.title is not None:
        collection = replace(collection, title=_clean_title(changes.title))
    if changes.default_tags is not None:
        collection = replace(collection, default_tags=_clean_defaults(changes.default_tags))
    if changes.removes_limit:
        collection = replace(collection, bytes_max=None)
    elif changes.bytes_max is not None:
        collection = replace(collection, bytes_max=_check_limit(changes.bytes_max))
    if changes.archived is not None:
        archived_at = now if collection.archived_at is None else collection.archived_at
        collection = replace(collection, archived_at=archived_at if changes.archived else None)
    return collection


def _clean_title(title: str) -> str:
    cleaned = clean_line(title, "title")
    if not cleaned:
        raise Malformed("title", "it is empty")
    return cleaned


def _clean_defaults(tags: Mapping[str, str]) -> dict[str, str]:
    cleaned = clean_tags(tags)
    # They are read for each upload that is finished, as the sender's are.
    if sum(len(name) + len(value.encode()) for name, value in cleaned.items()) > DETAILS_BYTES:
        raise DetailsTooLarge(DETAILS_BYTES)
    return cleaned


def _check_limit(bytes_max: int | None) -> int | None:
    if bytes_max is not None and not 0 <= bytes_max <= COLLECTION_BYTES_MAX:
        raise Malformed("bytes_max", f"it must be a number of bytes up to {COLLECTION_BYTES_MAX}")
    return bytes_max
