"""Collections over REST: list, create, show, change, archive, and their covers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from media_service.core.access import Scope
from media_service.core.collections import COLLECTION_BYTES_MAX, CollectionChanges
from media_service.http.api.covers import cover_response, read_cover
from media_service.http.api.pagination import page_response
from media_service.http.api.serializer import API_PREFIX, format_optional_time, format_time
from media_service.http.body import Text, defer_continue, read_json
from media_service.http.shielding import shielded, shielded_with

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.collection_covers import CollectionCovers
    from media_service.access.collections import CollectionService
    from media_service.core.collections import Collection
    from media_service.core.usage import Usage
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.http.memory_budget import MemoryBudget
    from media_service.http.security.auth import Authenticator
    from media_service.intake.options import IntakeOptions

BytesLimit = Annotated[int, Field(ge=0, le=COLLECTION_BYTES_MAX)]


class CreateCollection(BaseModel):
    """The body of `POST /collections`. `bytes_max`: what it may store, null for no limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    slug: Text
    title: Text
    default_tags: dict[Text, Text] = {}
    bytes_max: BytesLimit | None = None


class ChangeCollection(BaseModel):
    """The body of `PATCH /collections/{slug}`: what is missing stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text | None = None
    default_tags: dict[Text, Text] | None = None
    bytes_max: BytesLimit | None = None
    archived: bool | None = None

    def changes(self) -> CollectionChanges:
        """Return what the body changes. Without `bytes_max` the limit stays, with null it is removed."""
        return CollectionChanges(
            title=self.title,
            default_tags=self.default_tags,
            bytes_max=self.bytes_max,
            removes_limit="bytes_max" in self.model_fields_set and self.bytes_max is None,
            archived=self.archived,
        )


class CollectionsApi:
    """Handle `/api/v1/collections`."""

    def __init__(
        self,
        collections: CollectionService,
        covers: CollectionCovers,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        options: IntakeOptions,
        loop_budget: LoopBudget,
        budget: MemoryBudget,
    ) -> None:
        self._collections = collections
        self._covers = covers
        self._authenticator = authenticator
        self._serializer = serializer
        self._options = options
        self._loop_budget = loop_budget
        self._budget = budget

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        one = f"{API_PREFIX}/collections/{{slug}}"
        return [
            web.get(f"{API_PREFIX}/collections", self.listing),
            web.post(f"{API_PREFIX}/collections", self.create),
            web.get(one, self.show),
            web.patch(one, self.change),
            web.get(f"{one}/cover", self.show_cover),
            web.put(f"{one}/cover", self.put_cover, expect_handler=defer_continue),
            web.delete(f"{one}/cover", self.delete_cover),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List the collections that the caller may work in, by slug. For those who are signed in."""
        caller = await self._authenticator.require_known(request)

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            page, next_cursor = await self._collections.page(caller.collections, cursor, limit)
            return [_members(collection, usage) for collection, usage in page], next_cursor

        return await page_response(request, "collections", read)

    async def create(self, request: web.Request) -> web.Response:
        """Create a collection: 201. Needs scope admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        body = await read_json(request, CreateCollection)
        creation = self._collections.create(
            caller.actor, body.slug, body.title, default_tags=body.default_tags, bytes_max=body.bytes_max
        )
        created = await shielded(creation)
        location = self._serializer.location(f"{API_PREFIX}/collections/{created.slug}")
        return await self._response(created, status=201, headers={"Location": location})

    async def show(self, request: web.Request) -> web.Response:
        """Return a collection that the caller may work in."""
        caller = await self._authenticator.require_known(request)
        return await self._response(await self._collections.find(_slug(request), caller.collections))

    async def change(self, request: web.Request) -> web.Response:
        """Change what the body names; return the collection. Needs scope admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        changes = (await read_json(request, ChangeCollection)).changes()
        return await self._response(await shielded(self._collections.change(caller.actor, _slug(request), changes)))

    async def show_cover(self, request: web.Request) -> web.Response:
        """Return the picture."""
        caller = await self._authenticator.require_known(request)
        return cover_response(*await self._covers.show(_slug(request), caller.collections))

    async def put_cover(self, request: web.Request) -> web.Response:
        """Set the body as the cover; return the collection. Needs scope admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        slug = _slug(request)
        await self._collections.find(slug, None)
        async with AsyncExitStack() as resources:
            picture = await read_cover(request, self._options, self._loop_budget, self._budget, resources)
            await shielded_with(resources, self._covers.put(caller.actor, slug, picture))
        return await self._response(await self._collections.find(slug, None))

    async def delete_cover(self, request: web.Request) -> web.Response:
        """Remove the cover: 204, also if there is none. Needs scope admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        await shielded(self._covers.put(caller.actor, _slug(request), None))
        return web.Response(status=204)

    async def _response(
        self, collection: Collection, status: int = 200, headers: dict[str, str] | None = None
    ) -> web.Response:
        body = _members(collection, await self._collections.usage(collection))
        return web.json_response(body, status=status, headers={"Cache-Control": "no-store"} | (headers or {}))


def _slug(request: web.Request) -> str:
    return request.match_info["slug"]


def _members(collection: Collection, usage: Usage) -> dict[str, Any]:
    """Return a collection with all members."""
    return {
        "id": collection.id,
        "slug": collection.slug,
        "title": collection.title,
        "default_tags": dict(collection.default_tags),
        "has_cover": collection.has_cover,
        "bytes_max": collection.bytes_max,
        "usage": asdict(usage),
        "created_at": format_time(collection.created_at),
        "archived_at": format_optional_time(collection.archived_at),
    }
