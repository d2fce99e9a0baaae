"""Who asks, and from where: the admin token, and requests that a foreign page made a browser send."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.errors import ForbiddenOrigin, Unauthorised

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from media_service.http.cors import Origins
    from media_service.http.same_origin import OwnSite

COOKIE = "media_service_admin"
COOKIE_LIFETIME = 30 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL_OWNER = "local"
"""Without accounts all uploads belong to one owner: whoever may use this service."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. An admin sees everybody's uploads and files."""

    owner: str
    admin: bool

    @property
    def sees(self) -> str | None:
        """Whose uploads are shown to him; None for everybody's."""
        return None if self.admin else self.owner


class Gate:
    """Tells callers apart.

    `open_to_all`: uploading needs no token, because only this machine can reach the service.
    `site`: the names by which it may be called. `origins`: other sites whose pages may upload.
    """

    def __init__(self, token: str, *, open_to_all: bool, site: OwnSite, path: str, origins: Origins) -> None:
        self._origins = origins
        self._token = token
        self._open_to_all = open_to_all
        self._site = site
        self._path = path
        # The cookie is no token: whoever reads it cannot use it as one, and a new token ends it.
        self._cookie = hmac.new(token.encode(), b"admin cookie", hashlib.sha256).hexdigest()

    def caller(self, request: web.Request) -> Caller:
        """Who asks. Raises Unauthorised where uploading needs the token too."""
        admin = self._is_admin(request)
        if not admin and not self._open_to_all:
            raise Unauthorised
        return Caller(LOCAL_OWNER, admin)

    def holder(self, request: web.Request) -> Caller:
        """Who knows an upload's id, which nobody can guess: enough for its bytes to go on when a sign-in has ended."""
        return Caller(LOCAL_OWNER, self._is_admin(request))

    def admin(self, request: web.Request) -> Caller:
        """The admin who asks. Raises Unauthorised."""
        if not self._is_admin(request):
            raise Unauthorised
        return Caller(LOCAL_OWNER, admin=True)

    def sign_in(self, token: str, response: web.StreamResponse, *, secure: bool) -> None:
        """Gives the browser the admin's cookie for the right token. Raises Unauthorised for another."""
        if not _same(token, self._token):
            raise Unauthorised
        response.set_cookie(
            COOKIE,
            self._cookie,
            path=self._path,
            max_age=COOKIE_LIFETIME,
            httponly=True,
            secure=secure,
            samesite="Strict",
        )

    def sign_out(self, response: web.StreamResponse) -> None:
        """Takes the cookie back."""
        response.del_cookie(COOKIE, path=self._path)

    def guarding(self) -> Middleware:
        """A middleware that refuses hosts that are not ours, and what pages of other sites make a browser send.

        A form post to 127.0.0.1 needs nobody's leave to be sent, and a name that resolves to 127.0.0.1 makes a
        foreign page same-origin; so both are looked at.
        """

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._site.has_host(request.headers.get(hdrs.HOST, "")):
                raise ForbiddenOrigin
            if request.method not in SAFE_METHODS and not self._origins.allow(request) and not self._own_page(request):
                raise ForbiddenOrigin
            return await handler(request)

        return guard

    def _own_page(self, request: web.Request) -> bool:
        """Return whether the request comes from our own page, or from no page at all.

        No page can set Sec-Fetch-Site, so "same-origin" is proof enough, also behind a proxy that puts another name
        into Host. Browsers send it to HTTPS and to localhost only; elsewhere Origin is compared.
        """
        fetched_from = request.headers.get("Sec-Fetch-Site", "none")
        if fetched_from == "same-origin":
            return True
        given = request.headers.get(hdrs.ORIGIN)
        own = given is None or self._site.has_origin(given, request.headers.get(hdrs.HOST, ""))
        return fetched_from == "none" and own

    def _is_admin(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(token.strip(), self._token):
            return True
        # Scripts send none: looking for it costs less than reading nothing.
        return hdrs.COOKIE in request.headers and _same(request.cookies.get(COOKIE, ""), self._cookie)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
