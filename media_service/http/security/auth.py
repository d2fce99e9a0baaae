"""Who asks, and from where: owners, the admin, and requests that a foreign page made a browser send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.errors.requests import ForbiddenOrigin, Unauthorized
from media_service.core.owners import LOCAL_OWNER, may_change
from media_service.http.security.sessions import SESSION_SECONDS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from media_service.http.security.cookies import Cookies
    from media_service.http.security.cors import CorsPolicy
    from media_service.http.security.same_origin import ServiceOrigin
    from media_service.http.security.sessions import Sessions

ADMIN_COOKIE = "media_service_admin"
OWNER_COOKIE = "media_service_owner"
OWNER_COOKIE_SECONDS = 365 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_OWNER_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
"""256 random bits as the cookie carries them. Any other value could be a guessable one and counts as no cookie."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: `owner` owns what they create; an admin may see and change everything."""

    owner: str
    admin: bool

    @property
    def owner_filter(self) -> str | None:
        """Return the owner that permissions are checked for, None for an admin, who has them all."""
        return None if self.admin else self.owner

    @property
    def listed_owner(self) -> str:
        """Return whose uploads a listing shows. "" owns nothing: without a cookie the ids are the only permission."""
        return "" if self.owner == LOCAL_OWNER else self.owner

    def may_access(self, owner: str) -> bool:
        """Return whether the caller may change and read what this owner has."""
        return may_change(owner, self.owner_filter)


class Authenticator:
    """Tells callers apart.

    `allow_anonymous`: uploading needs no token, because only this machine can reach the service.
    `service_origin`: the names by which it may be called. `cors`: other sites whose pages may upload.
    """

    def __init__(
        self,
        token: str,
        sessions: Sessions,
        cookies: Cookies,
        *,
        allow_anonymous: bool,
        service_origin: ServiceOrigin,
        cors: CorsPolicy,
    ) -> None:
        self._token = token
        self._sessions = sessions
        self._cookies = cookies
        self._allow_anonymous = allow_anonymous
        self._service_origin = service_origin
        self._cors = cors

    def authenticate(self, request: web.Request) -> Caller:
        """Return who asks. Raises Unauthorised if uploading needs a token that the request lacks."""
        caller = self.identify(request)
        if not caller.admin and not self._allow_anonymous:
            raise Unauthorized
        return caller

    def identify(self, request: web.Request) -> Caller:
        """Return who asks, without a demand for the token."""
        return Caller(self._owner(request), self._is_admin(request))

    def require_admin(self, request: web.Request) -> Caller:
        """Return the admin who asks. Raises Unauthorised."""
        caller = self.identify(request)
        if not caller.admin:
            raise Unauthorized
        return caller

    def ensure_owner_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give the browser an owner of its own, unless it has one."""
        if self._owner(request) == LOCAL_OWNER:
            value = secrets.token_urlsafe(32)
            self._cookies.write(response, OWNER_COOKIE, value, seconds=OWNER_COOKIE_SECONDS, samesite="Lax")
        # A shared cache must not give one browser's cookie to another.
        response.headers[hdrs.CACHE_CONTROL] = "private, no-cache"

    async def sign_in(self, token: str, request: web.Request, response: web.StreamResponse) -> None:
        """Begin an admin session for the right token. Raises Unauthorised for another one."""
        if not _equal_in_constant_time(token, self._token):
            raise Unauthorized
        # The guard has compared the Origin; without `public_url` nothing else tells that a proxy speaks TLS.
        secure = request.headers.get(hdrs.ORIGIN, "").startswith("https:")
        value = await self._sessions.begin(self._cookies.read(request, ADMIN_COOKIE))
        self._cookies.write(response, ADMIN_COOKIE, value, seconds=SESSION_SECONDS, samesite="Strict", secure=secure)

    async def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session, so that its cookie is worth nothing. Raises StorageFull, CatalogueError."""
        await self._sessions.end(self._cookies.read(request, ADMIN_COOKIE))
        self._cookies.delete(request, response, ADMIN_COOKIE)

    def origin_middleware(self) -> Middleware:
        """A middleware that refuses hosts that are not ours, and what pages of other sites make a browser send.

        A form post to 127.0.0.1 needs nobody's leave to be sent, and a name that resolves to 127.0.0.1 makes a
        foreign page same-origin; so both are looked at.
        """

        @web.middleware
        async def check_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._service_origin.allows_host(request.headers.get(hdrs.HOST, "")):
                raise ForbiddenOrigin
            if (
                request.method not in SAFE_METHODS
                and not self._cors.allows(request)
                and not self._is_same_origin(request)
            ):
                raise ForbiddenOrigin
            return await handler(request)

        return check_origin

    def _is_same_origin(self, request: web.Request) -> bool:
        """Return whether the request comes from our own page, or from no page at all.

        No page can set Sec-Fetch-Site, so "same-origin" is proof enough, also behind a proxy that puts another name
        into Host. Browsers send it to HTTPS and to localhost only; elsewhere Origin is compared.
        """
        fetched_from = request.headers.get("Sec-Fetch-Site", "none")
        if fetched_from == "same-origin":
            return True
        origin = request.headers.get(hdrs.ORIGIN)
        same_origin = origin is None or self._service_origin.is_same_origin(origin, request.headers.get(hdrs.HOST, ""))
        return fetched_from == "none" and same_origin

    def _owner(self, request: web.Request) -> str:
        value = self._cookies.read(request, OWNER_COOKIE)
        return _owner_from_cookie(value) if _OWNER_COOKIE_VALUE.fullmatch(value) else LOCAL_OWNER

    def _is_admin(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _equal_in_constant_time(token.strip(), self._token):
            return True
        value = self._cookies.read(request, ADMIN_COOKIE)
        return bool(value) and self._sessions.is_valid(value)


def _owner_from_cookie(value: str) -> str:
    """Return the owner string of a cookie: a digest, so that stored rows do not tell the cookie."""
    digest = hashlib.sha256(value.encode()).digest()
    return f"browser:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _equal_in_constant_time(value: str, expected: str) -> bool:
    return hmac.compare_digest(value.encode(errors="replace"), expected.encode())
