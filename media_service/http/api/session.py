"""Sign in and out: sessions of browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from media_service.http.body import read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.http.security.auth import Authenticator


class SignIn(BaseModel):
    """The body of `POST /session`: the admin token."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str


class SessionApi:
    """Handle `/session`."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.post("/session", self.sign_in), web.delete("/session", self.sign_out)]

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session: 204 with its cookie."""
        body = await read_json(request, SignIn)
        response = web.Response(status=204)
        await self._authenticator.check_admin_token(body.token, request)
        await shielded(self._authenticator.begin_session(None, request, response))
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session: 204."""
        response = web.Response(status=204)
        await shielded(self._authenticator.end_session(request, response))
        return response
