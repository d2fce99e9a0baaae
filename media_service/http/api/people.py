"""Persons over REST, for admins: add, list, change, invite, end their sessions, erase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from media_service.core.access import PERSON_PREFIX, Role, Scope
from media_service.core.accounts import OwnerLimits
from media_service.core.errors.requests import Malformed
from media_service.core.people import NewPerson, PersonChange
from media_service.http.api.account_objects import public_id, session_object
from media_service.http.api.pagination import page_response
from media_service.http.api.serializer import API_PREFIX, format_optional_time, format_time
from media_service.http.body import Text, read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from media_service.access.assembly import AccessParts
    from media_service.access.erasing import PersonEraser
    from media_service.core.accounts import Owner
    from media_service.core.audit import Actor
    from media_service.core.usage import Usage
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator

UsageOf = Callable[[Collection[str]], Awaitable[dict[str, "Usage"]]]
"""Return what these owners have stored and reserved, by id."""

Amount = Annotated[int, Field(ge=0, lt=2**62)]
"""Of files or bytes: two of them can be added in 64 bits."""


class Limits(BaseModel):
    """Limits of a person; None for the setting. In a change, missing ones stay."""

    model_config = ConfigDict(extra="forbid", strict=True)

    files: Amount | None = None
    bytes: Amount | None = None
    file_bytes: Amount | None = None


class AddPerson(BaseModel):
    """The body of `POST /people`. `collections`: slugs, or all of them."""

    # Not strict as a whole: a strict model takes no text for a member of an enumeration.
    model_config = ConfigDict(extra="forbid")

    name: Text
    role: Role
    password: Text | None = None
    collections: Literal["all"] | list[Text] = []
    limits: Limits = Limits()


class ChangePerson(BaseModel):
    """The body of `PATCH /people/{id}`. Missing members stay; a password of null removes it."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    role: Role | None = None
    password: Text | None = None
    collections: Literal["all"] | list[Text] | None = None
    limits: Limits | None = None
    disabled: Annotated[bool, Field(strict=True)] | None = None


class PeopleApi:
    """Handle `/api/v1/people`. Ids are those of owners without their prefix."""

    def __init__(
        self,
        access: AccessParts,
        eraser: PersonEraser,
        usage_of: UsageOf,
        authenticator: Authenticator,
        serializer: Serializer,
    ) -> None:
        self._people, self._tokens, self._collections = access.people, access.tokens, access.collections
        self._eraser = eraser
        self._usage_of = usage_of
        self._authenticator = authenticator
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        person = f"{API_PREFIX}/people/{{id}}"
        return [
            web.get(f"{API_PREFIX}/people", self.listing),
            web.post(f"{API_PREFIX}/people", self.add),
            web.get(person, self.show),
            web.patch(person, self.change),
            web.delete(person, self.erase),
            web.post(f"{person}/invitation", self.invite),
            web.get(f"{person}/sessions", self.sessions),
            web.delete(f"{person}/sessions", self.end_sessions),
            web.delete(f"{person}/sessions/{{session}}", self.end_session),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List persons, newest first."""
        await self._authenticator.require(request, Scope.ADMIN)

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            page, next_cursor = await self._people.listing(cursor, limit)
            return await self._objects(page), next_cursor

        return await page_response(request, "people", read)

    async def add(self, request: web.Request) -> web.Response:
        """Add a person: 201; without a password, with the URL by which the person signs in for the first time."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        body = await read_json(request, AddPerson)
        new = NewPerson(
            body.name,
            body.role,
            password=body.password,
            collections=None if body.collections == "all" else await self._collections.ids(body.collections),
            limits=OwnerLimits(**body.limits.model_dump()),
        )
        person = await shielded(self._people.add(new, caller.actor))
        answer = await self._object(person)
        if body.password is None:
            secret, _ = await shielded(self._people.invite(person.id, caller.actor))
            answer["invitation_url"] = self._invitation_url(request, secret)
        location = self._serializer.location(f"{API_PREFIX}/people/{public_id(person.id)}")
        return web.json_response(answer, status=201, headers={"Location": location, "Cache-Control": "no-store"})

    async def show(self, request: web.Request) -> web.Response:
        """Return a person."""
        person = await self._people.find((await self._admins(request))[0])
        return web.json_response(await self._object(person), headers={"Cache-Control": "no-store"})

    async def change(self, request: web.Request) -> web.Response:
        """Change a person; return it."""
        person_id, actor = await self._admins(request)
        body = await read_json(request, ChangePerson)
        named = body.collections
        change = PersonChange(
            name=body.name,
            role=body.role,
            password=(body.password or "") if "password" in body.model_fields_set else None,
            all_collections=None if named is None else named == "all",
            collections=None if named is None or named == "all" else await self._collections.ids(named),
            limits=None if body.limits is None else await self._limits(person_id, body.limits),
            is_disabled=body.disabled,
        )
        person = await shielded(self._people.change(person_id, change, actor))
        return web.json_response(await self._object(person), headers={"Cache-Control": "no-store"})

    async def erase(self, request: web.Request) -> web.Response:
        """Erase a person and what names it; `files` says what happens to its finished files: 204."""
        person_id, actor = await self._admins(request)
        files = request.query.get("files")
        if files not in ("keep", "delete"):
            raise Malformed("files", "must be keep or delete")
        await shielded(self._eraser.erase(person_id, actor, delete_files=files == "delete"))
        return web.Response(status=204)

    async def invite(self, request: web.Request) -> web.Response:
        """Return the URL by which the person signs in once: 201. Earlier ones no longer work."""
        secret, expires_at = await shielded(self._people.invite(*await self._admins(request)))
        answer = {"url": self._invitation_url(request, secret), "expires_at": format_time(expires_at)}
        return web.json_response(answer, status=201, headers={"Cache-Control": "no-store"})

    async def sessions(self, request: web.Request) -> web.Response:
        """List the browsers in which the person is signed in."""
        person = await self._people.find((await self._admins(request))[0])
        rows = [session_object(session) for session in await self._tokens.sessions(person.id)]
        return web.json_response({"sessions": rows}, headers={"Cache-Control": "no-store"})

    async def end_sessions(self, request: web.Request) -> web.Response:
        """Sign the person out everywhere: 204."""
        person_id, actor = await self._admins(request)
        person = await self._people.find(person_id)
        await shielded(self._tokens.end_sessions(person, actor))
        return web.Response(status=204)

    async def end_session(self, request: web.Request) -> web.Response:
        """Sign the person out in one browser: 204."""
        person_id, actor = await self._admins(request)
        await shielded(self._tokens.end_session(request.match_info["session"], person_id, actor))
        return web.Response(status=204)

    async def _admins(self, request: web.Request) -> tuple[str, Actor]:
        """Return the id of the person that an admin names, and the admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        return f"{PERSON_PREFIX}{request.match_info['id']}", caller.actor

    async def _limits(self, person_id: str, given: Limits) -> OwnerLimits:
        limits = (await self._people.find(person_id)).limits
        return replace(limits, **given.model_dump(include=given.model_fields_set))

    async def _object(self, person: Owner) -> dict[str, Any]:
        return (await self._objects([person]))[0]

    async def _objects(self, page: Sequence[Owner]) -> list[dict[str, Any]]:
        slugs = await self._collections.slugs(granted for person in page for granted in person.collections)
        usage = await self._usage_of([person.id for person in page])
        return [
            {
                "id": public_id(person.id),
                "name": person.name,
                "role": person.role.value,
                "collections": "all"
                if person.all_collections
                else sorted(slugs[granted] for granted in person.collections if granted in slugs),
                "limits": asdict(person.limits),
                "usage": asdict(usage[person.id]),
                "has_password": person.password is not None,
                "created_at": format_time(person.created_at),
                "seen_at": format_optional_time(person.seen_at),
                "disabled_at": format_optional_time(person.disabled_at),
            }
            for person in page
        ]

    def _invitation_url(self, request: web.Request, secret: str) -> str:
        """Return the URL of the page that signs in with an invitation. A fragment stands in no log and no referrer."""
        return self._serializer.absolute_url(request, f"/#invitation={secret}")
