"""Which collections a request names, and may: for the upload that it creates, and for what it lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core.access import Scope
from media_service.core.errors.collections import UnknownCollection

if TYPE_CHECKING:
    from aiohttp import web

    from media_service.access.collections import CollectionService
    from media_service.core.access import Origin
    from media_service.http.security.caller import Caller


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing shows: what the owner sent, and what is in one of the collections; `owner` None: everything."""

    owner: str | None
    collections: frozenset[str] = frozenset()


async def upload_origin(caller: Caller, slug: str | None, collections: CollectionService) -> Origin:
    """Return the origin of an upload for the named collection, else for that of the token or link.

    Raise UnknownCollection if it is archived, or the caller may not work in it.
    """
    if slug:
        return replace(caller.origin, collection=await collections.resolve(slug, caller.collections))
    if caller.collection is not None:
        # Its owner may have lost the collection since the token was made.
        if caller.collections is not None and caller.collection not in caller.collections:
            raise UnknownCollection
        await collections.check_open(caller.collection)
    return caller.origin


async def listed_by(request: web.Request, caller: Caller, collections: CollectionService) -> Listed:
    """Return what a listing shows a caller with scope read: all that it may see, or that of `collection` in the query.

    Raise UnknownCollection.
    """
    viewer, slug = caller.viewer(Scope.READ), request.query.get("collection")
    allowed = None if viewer is None else viewer.collections
    if slug is not None:
        return Listed("", frozenset({(await collections.find(slug, allowed)).id}))
    return Listed(None) if allowed is None else Listed(caller.listed_owner, allowed)
