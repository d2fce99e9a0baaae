"""Guest links over REST: create, list, show, change, close, renew the secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from media_service.core.access import LINK_PREFIX, Scope, Viewer
from media_service.core.times import MICROSECONDS
from media_service.http.api.caller_collections import upload_origin
from media_service.http.api.pagination import page_response
from media_service.http.api.qr import qr_svg
from media_service.http.api.serializer import API_PREFIX, format_optional_time, format_time, to_microseconds
from media_service.http.body import Text, read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.collections import CollectionService
    from media_service.access.guest_links import GuestLinkService
    from media_service.core.accounts import OwnerLimits
    from media_service.core.guest_links import LinkTerms, ListedLink
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller

MAX_LIFETIME_SECONDS = 100 * 365 * 24 * 3600

Limit = Annotated[int, Field(ge=1, lt=2**63)]
Seconds = Annotated[int, Field(ge=1, le=MAX_LIFETIME_SECONDS)]


class ChangeLink(BaseModel):
    """The body of `PATCH /links/{id}`: what is missing stays. `expires_in`: seconds from now, null for no deadline."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Text = ""
    note: Text = ""
    asks: dict[Text, Text] = {}
    opens_at: AwareDatetime | None = None
    expires_in: Seconds | None = None
    files_max: Limit | None = None
    bytes_max: Limit | None = None
    file_bytes_max: Limit | None = None
    passphrase: Text | None = None
    collection: Text | None = None
    allowed_origins: list[Text] = []
    reference: Text | None = None
    closed: bool = False

    def terms(self, now: int) -> LinkTerms:
        """Return the members that were sent, as terms of a link."""
        given: dict[str, Any] = self.model_dump(exclude_unset=True)
        if given.get("opens_at") is not None:
            given["opens_at"] = to_microseconds(given["opens_at"])
        if "expires_in" in given:
            seconds = given.pop("expires_in")
            given["expires_at"] = None if seconds is None else now + seconds * MICROSECONDS
        return cast("LinkTerms", given)


class CreateLink(ChangeLink):
    """The body of `POST /links`: as that of PATCH, and a link needs a title."""

    title: Text


class LinksApi:
    """Handle `/api/v1/links`. `defaults`: limits of links that have none of their own."""

    def __init__(
        self,
        links: GuestLinkService,
        collections: CollectionService,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        defaults: OwnerLimits,
    ) -> None:
        self._links = links
        self._collections = collections
        self._defaults = defaults
        self._authenticator = authenticator
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get(f"{API_PREFIX}/links", self.listing),
            web.post(f"{API_PREFIX}/links", self.create),
            web.get(f"{API_PREFIX}/links/{{id}}", self.show),
            web.patch(f"{API_PREFIX}/links/{{id}}", self.change),
            web.delete(f"{API_PREFIX}/links/{{id}}", self.close),
            web.post(f"{API_PREFIX}/links/{{id}}/secret", self.renew_secret),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List links, newest first."""
        viewer = _viewer(await self._authenticator.require(request, Scope.LINKS))

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            page, next_cursor = await self._links.page(viewer, cursor, limit)
            return map(self._link, page), next_cursor

        return await page_response(request, "links", read)

    async def create(self, request: web.Request) -> web.Response:
        """Create a link: 201 with its URL, which cannot be shown again."""
        caller = await self._authenticator.require(request, Scope.LINKS)
        terms = await self._terms(caller, await read_json(request, CreateLink), creates=True)
        listed, secret = await shielded(self._links.create(caller.actor, terms))
        return self._with_secret(request, listed, secret)

    async def show(self, request: web.Request) -> web.Response:
        """Return the link."""
        caller = await self._authenticator.require(request, Scope.LINKS)
        return self._response(await self._links.show(_link_id(request), _viewer(caller)))

    async def change(self, request: web.Request) -> web.Response:
        """Change what the body names; return the link."""
        caller = await self._authenticator.require(request, Scope.LINKS)
        terms = await self._terms(caller, await read_json(request, ChangeLink))
        change = self._links.change(caller.actor, _link_id(request), _viewer(caller), terms)
        return self._response(await shielded(change))

    async def close(self, request: web.Request) -> web.Response:
        """Close the link: 204. It takes no more uploads; what was sent stays, and what is being sent goes on."""
        caller = await self._authenticator.require(request, Scope.LINKS)
        await shielded(self._links.close(caller.actor, _link_id(request), _viewer(caller)))
        return web.Response(status=204)

    async def renew_secret(self, request: web.Request) -> web.Response:
        """Replace the secret: 201 with the new URL. The old one leads nowhere."""
        caller = await self._authenticator.require(request, Scope.LINKS)
        renewal = self._links.renew_secret(caller.actor, _link_id(request), _viewer(caller))
        listed, secret = await shielded(renewal)
        return self._with_secret(request, listed, secret)

    async def _terms(self, caller: Caller, body: ChangeLink, *, creates: bool = False) -> LinkTerms:
        """Return the terms of a body, with the id of its collection, as for an upload. Raise UnknownCollection."""
        terms = body.terms(self._links.now())
        if creates or "collection" in terms:
            origin = await upload_origin(caller, terms.get("collection"), self._collections)
            terms["collection"] = origin.collection
        return terms

    def _with_secret(self, request: web.Request, listed: ListedLink, secret: str) -> web.Response:
        url = self._serializer.absolute_url(request, f"/u/{secret}")
        body = self._link(listed) | {"url": url, "token": secret, "qr_svg": qr_svg(url)}
        location = self._serializer.location(f"{API_PREFIX}/links/{body['id']}")
        return web.json_response(body, status=201, headers={"Location": location, "Cache-Control": "no-store"})

    def _response(self, listed: ListedLink) -> web.Response:
        return web.json_response(self._link(listed), headers={"Cache-Control": "no-store"})

    def _link(self, listed: ListedLink) -> dict[str, Any]:
        """Return a link with all members."""
        link, usage = listed.link, listed.usage
        creator = {"id": link.created_by, "name": listed.creator_name}
        return {
            "id": link.id.removeprefix(LINK_PREFIX),
            "title": link.title,
            "note": link.note,
            "asks": asdict(link.asks),
            "opens_at": format_optional_time(link.opens_at),
            "expires_at": format_optional_time(link.expires_at),
            "files_max": link.limits.files,
            "bytes_max": link.limits.bytes,
            "file_bytes_max": link.limits.file_bytes,
            "has_passphrase": link.passphrase is not None,
            "collection": listed.collection_slug,
            "allowed_origins": sorted(link.allowed_origins),
            "reference": link.reference,
            "closed_at": format_optional_time(link.closed_at),
            "created_at": format_time(link.created_at),
            "created_by": None if link.created_by is None else creator,
            "state": link.state(self._links.now()).value,
            "usage": asdict(usage),
            "left": asdict(listed.left(self._defaults)),
        }


def _viewer(caller: Caller) -> Viewer | None:
    """Return whose links the caller sees. With a token for one collection, nothing else that its owner has made."""
    if caller.collection is None:
        return caller.viewer(Scope.LINKS)
    return Viewer(frozenset(), caller.collections or frozenset())


def _link_id(request: web.Request) -> str:
    return LINK_PREFIX + request.match_info["id"]
