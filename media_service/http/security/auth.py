"""Authenticate owners and the admin, and refuse cross-site requests (CSRF, DNS rebinding)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.access import LOCAL_OWNER, Origin, Viewer, may_access
from media_service.core.errors.requests import ForbiddenOrigin, Unauthorized
from media_service.http.security.proxies import client_address
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

# 256 random bits in base64url. Any other value might be guessable and is ignored.
_OWNER_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. New uploads get `owner`; an admin may read and change everything."""

    owner: str
    admin: bool
    address: str | None = None

    @property
    def origin(self) -> Origin:
        """Return the origin of an upload that the caller creates."""
        return Origin(self.owner, address=self.address)

    @property
    def viewer(self) -> Viewer | None:
        """Return whose uploads and files the caller may read and change, None for everything."""
        return None if self.admin else Viewer(frozenset({self.owner, LOCAL_OWNER}))

    @property
    def listed_owner(self) -> str:
        """Return the owner whose uploads are listed. Without a cookie it is "", which owns none."""
        return "" if self.owner == LOCAL_OWNER else self.owner

    def may_access(self, owner: str, collection: str | None) -> bool:
        """Return whether the caller may read and change what this owner has in this collection."""
        return may_access(self.viewer, owner, collection)


class Authenticator:
    """Authenticate requests by bearer token or cookie.

    `allow_anonymous`: uploading requires no token, because the service listens on loopback only.
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
        """Return the caller. Raise Unauthorized if uploading requires a token and the request has none."""
        caller = self.identify(request)
        if not caller.admin and not self._allow_anonymous:
            raise Unauthorized
        return caller

    def identify(self, request: web.Request) -> Caller:
        """Return the caller, also without a token."""
        return Caller(self._owner(request), self._is_admin(request), client_address(request))

    def require_admin(self, request: web.Request) -> Caller:
        """Return the caller if it is the admin. Raise Unauthorized."""
        caller = self.identify(request)
        if not caller.admin:
            raise Unauthorized
        return caller

    def ensure_owner_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set an owner cookie unless the browser has one."""
        if self._owner(request) == LOCAL_OWNER:
            value = secrets.token_urlsafe(32)
            self._cookies.write(response, OWNER_COOKIE, value, seconds=OWNER_COOKIE_SECONDS, samesite="Lax")
        # A shared cache must not send one browser's cookie to another.
        response.headers[hdrs.CACHE_CONTROL] = "private, no-cache"

    async def sign_in(self, token: str, request: web.Request, response: web.StreamResponse) -> None:
        """Begin an admin session. Raise Unauthorized if the token is wrong."""
        if not _equal_in_constant_time(token, self._token):
            raise Unauthorized
        # The middleware has checked Origin. Without `public_url`, only its scheme shows that a proxy terminates TLS.
        secure = request.headers.get(hdrs.ORIGIN, "").startswith("https:")
        value = await self._sessions.begin(self._cookies.read(request, ADMIN_COOKIE))
        self._cookies.write(response, ADMIN_COOKIE, value, seconds=SESSION_SECONDS, samesite="Strict", secure=secure)

    async def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session, also for copies of its cookie. Raise StorageFull, CatalogueError."""
        await self._sessions.end(self._cookies.read(request, ADMIN_COOKIE))
        self._cookies.delete(request, response, ADMIN_COOKIE)

    def session_middleware(self) -> Middleware:
        """Return a middleware that learns of a session that another process has just begun."""

        @web.middleware
        async def learn_session(request: web.Request, handler: Handler) -> web.StreamResponse:
            if value := self._cookies.read(request, ADMIN_COOKIE):
                await self._sessions.learn(value)
            return await handler(request)

        return learn_session

    def origin_middleware(self) -> Middleware:
        """Return a middleware that refuses unknown hosts, and unsafe methods from pages of other origins."""
        # Any page may post a form to 127.0.0.1 (CSRF), and a host name that resolves to 127.0.0.1 makes a foreign page
        # same-origin (DNS rebinding).

        @web.middleware
        async def check_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._service_origin.allows_host(request.headers.get(hdrs.HOST, "")):
                raise ForbiddenOrigin
            allowed = request.method in SAFE_METHODS or self._cors.allows(request) or self._is_same_origin(request)
            if not allowed:
                raise ForbiddenOrigin
            return await handler(request)

        return check_origin

    def _is_same_origin(self, request: web.Request) -> bool:
        """Return whether the request is from the service's own page, or from no page."""
        # Pages cannot set Sec-Fetch-Site, so "same-origin" suffices, even if a proxy rewrites Host. Browsers send it
        # only to HTTPS and localhost; otherwise compare Origin.
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
    """Return the owner string of a cookie: a digest, so that stored rows do not reveal the cookie."""
    digest = hashlib.sha256(value.encode()).digest()
    return f"browser:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _equal_in_constant_time(value: str, expected: str) -> bool:
    return hmac.compare_digest(value.encode(errors="replace"), expected.encode())
