"""Sign in and out: sessions of browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, model_validator

from media_service.core.audit import ADMIN_TOKEN, NO_SUBJECT, Action, Actor
from media_service.core.errors.access import Unauthorized, WrongPassword
from media_service.http.body import Text, read_json
from media_service.http.security.proxies import client_address, client_ip
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.access.sign_in import SignIn
    from media_service.core.accounts import Owner
    from media_service.http.security.auth import Authenticator

WAYS = ({"name", "password"}, {"invitation"}, {"invitation", "password"}, {"token"})


class SignInBody(BaseModel):
    """The body of `POST /session`: name and password, a one-time link's secret, or the admin token."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text | None = None
    password: Text | None = None
    invitation: Text | None = None
    token: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.model_fields_set not in WAYS:
            raise ValueError("send name and password, or invitation, or token")
        return self


class SessionApi:
    """Handle `/session`."""

    def __init__(self, authenticator: Authenticator, sign_in: SignIn, audit: AuditTrail) -> None:
        self._authenticator = authenticator
        self._sign_in = sign_in
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.post("/session", self.sign_in), web.delete("/session", self.sign_out)]

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session: 204 with its cookie."""
        body = await read_json(request, SignInBody)
        response = web.Response(status=204)
        # A connection that breaks must not use up an invitation whose password is not stored yet, nor hide a failure.
        person = await shielded(self._person(body, request))
        address = client_address(request)
        actor = Actor(ADMIN_TOKEN, address=address)
        if person is not None:
            actor = Actor(person.id, person.name, address=address)
        session = self._authenticator.begin_session(person, request, response)
        await shielded(self._audit.during(session, actor, Action.SIGN_IN))
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session: 204."""
        response = web.Response(status=204)
        caller = await self._authenticator.identify(request)
        end = self._authenticator.end_session(request, response)
        # A browser that is not signed in may repeat this without end.
        await shielded(self._audit.during(end, caller.actor, Action.SIGN_OUT) if caller.is_known else end)
        return response

    async def _person(self, body: SignInBody, request: web.Request) -> Owner | None:
        """Return who signs in, None for the admin token; log a failure. Raise Unauthorized, and as `SignIn`."""
        try:
            return await self._find(body, request)
        except (Unauthorized, WrongPassword):
            account = NO_SUBJECT if body.name is None else await self._sign_in.subject(body.name)
            await self._audit.sign_in_failed(client_ip(request), account)
            raise

    async def _find(self, body: SignInBody, request: web.Request) -> Owner | None:
        if body.invitation is not None:
            return await self._sign_in.with_invitation(body.invitation, body.password, client_ip(request))
        if body.name is not None and body.password is not None:
            return await self._sign_in.with_password(body.name, body.password, client_ip(request))
        await self._authenticator.check_admin_token(body.token or "", request)
        return None
