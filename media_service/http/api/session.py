"""Sign in and out: sessions of browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from media_service.core.audit import ADMIN_TOKEN, Action, Actor
from media_service.core.errors.access import Unauthorized
from media_service.http.body import read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.http.security.auth import Authenticator


class SignIn(BaseModel):
    """The body of `POST /session`: the admin token."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str


class SessionApi:
    """Handle `/session`."""

    def __init__(self, authenticator: Authenticator, audit: AuditTrail) -> None:
        self._authenticator = authenticator
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.post("/session", self.sign_in), web.delete("/session", self.sign_out)]

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session: 204 with its cookie."""
        body = await read_json(request, SignIn)
        address = (await self._authenticator.identify(request)).address
        response = web.Response(status=204)
        try:
            await self._authenticator.check_admin_token(body.token, request)
        except Unauthorized:
            await self._audit.sign_in_failed(address)
            raise
        session = self._authenticator.begin_session(None, request, response)
        await shielded(self._audit.during(session, Actor(ADMIN_TOKEN, address=address), Action.SIGN_IN))
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session: 204."""
        response = web.Response(status=204)
        caller = await self._authenticator.identify(request)
        end = self._authenticator.end_session(request, response)
        # A browser that is not signed in may repeat this without end.
        await shielded(self._audit.during(end, caller.actor, Action.SIGN_OUT) if caller.is_known else end)
        return response
