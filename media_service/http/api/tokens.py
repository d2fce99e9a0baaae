"""API tokens and sessions over REST, for the person that they belong to and for admins.

A script must not make other tokens of the one that it got: managing needs a session, or the scope `admin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from media_service.core.access import PERSON_PREFIX, Scope
from media_service.core.errors.access import InsufficientScope, UnknownPerson
from media_service.core.errors.requests import Malformed
from media_service.http.api.account_objects import public_id, session_object
from media_service.http.api.serializer import API_PREFIX, format_optional_time, format_time
from media_service.http.body import Text, read_json
from media_service.http.request_checks import ID_PATTERN
from media_service.http.security.caller import Caller, CallerKind
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.access.assembly import AccessParts
    from media_service.core.accounts import Token
    from media_service.http.security.auth import Authenticator

EVERY_OWNER = ""


class AddToken(BaseModel):
    """The body of `POST /tokens`. `expires_in` in seconds. `collection`: a slug. `owner`: a person's id, for admins."""

    # Not strict as a whole: a strict model takes no text for a member of an enumeration.
    model_config = ConfigDict(extra="forbid")

    name: Text
    scopes: list[Scope]
    expires_in: Annotated[int, Field(strict=True)] | None
    collection: Text | None = None
    owner: Text | None = None


class TokensApi:
    """Handle `/api/v1/tokens` and `/api/v1/sessions`."""

    def __init__(self, access: AccessParts, authenticator: Authenticator) -> None:
        self._tokens, self._collections = access.tokens, access.collections
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get(f"{API_PREFIX}/tokens", self.listing),
            web.post(f"{API_PREFIX}/tokens", self.add),
            web.delete(f"{API_PREFIX}/tokens/{{id}}", self.revoke),
            web.get(f"{API_PREFIX}/sessions", self.sessions),
            web.delete(f"{API_PREFIX}/sessions/{{id}}", self.end_session),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List the caller's tokens, newest first; for admins, `owner` is a person's id, or `all`."""
        caller = await self._manager(request)
        owner = request.query.get("owner")
        if owner is None:
            # The admin token has no tokens, and sessions are no API tokens.
            found = [] if caller.account is None else await self._tokens.of(caller.account)
        else:
            _check_admin(caller)
            found = await self._tokens.of(EVERY_OWNER if owner == "all" else f"{PERSON_PREFIX}{owner}")
        return web.json_response({"tokens": await self._objects(found)}, headers={"Cache-Control": "no-store"})

    async def add(self, request: web.Request) -> web.Response:
        """Make a token: 201 with its secret, which is shown only now."""
        caller = await self._manager(request)
        body = await read_json(request, AddToken)
        if body.owner is not None:
            _check_admin(caller)
            if not ID_PATTERN.fullmatch(body.owner):
                raise UnknownPerson
        owner = caller.account if body.owner is None else f"{PERSON_PREFIX}{body.owner}"
        if owner is None:
            raise Malformed("owner", "the admin token is no person: name the one that the token is for")
        collection = None if body.collection is None else (await self._collections.find(body.collection, None)).id
        making = self._tokens.add(
            owner, body.name, body.scopes, caller.actor, lifetime=body.expires_in, collection=collection
        )
        token, secret = await shielded(making)
        (shown,) = await self._objects([token])
        return web.json_response(shown | {"token": secret}, status=201, headers={"Cache-Control": "no-store"})

    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a token: 204. A script may revoke its own."""
        token_id = request.match_info["id"]
        caller = await self._authenticator.require_known(request)
        if caller.token_id != token_id:
            caller = await self._manager(request)
        owner = EVERY_OWNER if Scope.ADMIN in caller.scopes else caller.account
        await shielded(self._tokens.revoke(token_id, owner, caller.actor))
        return web.Response(status=204)

    async def sessions(self, request: web.Request) -> web.Response:
        """List the browsers in which the caller is signed in."""
        caller = await self._manager(request)
        found = await self._tokens.sessions(caller.account)
        rows = [session_object(session, caller.token_id) for session in found]
        return web.json_response({"sessions": rows}, headers={"Cache-Control": "no-store"})

    async def end_session(self, request: web.Request) -> web.Response:
        """Sign the caller out in one browser: 204."""
        caller = await self._manager(request)
        await shielded(self._tokens.end_session(request.match_info["id"], caller.account, caller.actor))
        return web.Response(status=204)

    async def _manager(self, request: web.Request) -> Caller:
        """Return a caller that may manage its tokens. Raise Unauthorized, InvalidToken, InsufficientScope."""
        caller = await self._authenticator.require_known(request)
        # Without a token, a trusted proxy vouches for a person.
        is_person = caller.kind is CallerKind.PERSON
        signed_in = is_person and (caller.token_id is None or await self._tokens.is_session(caller.token_id))
        if not signed_in:
            _check_admin(caller)
        return caller

    async def _objects(self, tokens: Sequence[Token]) -> list[dict[str, Any]]:
        names = await self._tokens.names_of(token.owner for token in tokens if token.owner is not None)
        slugs = await self._collections.slugs(token.collection for token in tokens if token.collection is not None)
        return [
            {
                "id": token.id,
                "name": token.name,
                "scopes": [scope.value for scope in Scope if scope in token.scopes],
                "collection": slugs.get(token.collection or ""),
                "owner": {"id": public_id(token.owner or ""), "name": names.get(token.owner or "", "")},
                "created_at": format_time(token.created_at),
                "expires_at": format_optional_time(token.expires_at),
                "used_at": format_optional_time(token.used_at),
                "revoked_at": format_optional_time(token.revoked_at),
            }
            for token in tokens
        ]


def _check_admin(caller: Caller) -> None:
    if Scope.ADMIN not in caller.scopes:
        raise InsufficientScope(Scope.ADMIN.value)
