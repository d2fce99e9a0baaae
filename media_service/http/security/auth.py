"""Authenticate callers, and refuse cross-site requests (CSRF, DNS rebinding)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.access.credentials import token_digest
from media_service.core.access import LOCAL_OWNER, Scope
from media_service.core.accounts import TokenKind
from media_service.core.errors.access import InsufficientScope, InvalidToken, Unauthorized
from media_service.core.errors.links import UnknownLink
from media_service.core.errors.requests import ForbiddenOrigin
from media_service.core.quota import is_loopback
from media_service.core.text import clean_line
from media_service.http.security.caller import admin_token_caller, anonymous_caller, caller_with, person_caller
from media_service.http.security.presented_token import presented_token
from media_service.http.security.proxies import client_address

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from media_service.access.credentials import Credentials
    from media_service.access.identities import Identities
    from media_service.core.accounts import Owner
    from media_service.http.security.caller import Caller
    from media_service.http.security.cookies import Cookies
    from media_service.http.security.cors import CorsPolicy
    from media_service.http.security.proxies import ProxyIdentity
    from media_service.http.security.same_origin import ServiceOrigin
    from media_service.http.security.sessions import Sessions

SESSION_COOKIE = "media_service_session"
BROWSER_COOKIE = "media_service_owner"
BROWSER_COOKIE_SECONDS = 365 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# 256 random bits in base64url. Any other value might be guessable and is ignored.
_BROWSER_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class AdminToken:
    """The token in the data folder. It always works from this machine; from elsewhere, until a person is an admin."""

    secret: str

    def equals(self, value: str) -> bool:
        """Return whether the value is the token, in constant time."""
        return hmac.compare_digest(value.encode(errors="replace"), self.secret.encode())


class Authenticator:
    """Authenticate requests by token or session.

    `allow_anonymous`: uploading requires no account, as on a loopback address.
    """

    def __init__(
        self,
        admin_token: AdminToken,
        credentials: Credentials,
        sessions: Sessions,
        cookies: Cookies,
        *,
        identities: Identities,
        proxy: ProxyIdentity,
        allow_anonymous: bool,
        service_origin: ServiceOrigin,
        cors: CorsPolicy,
    ) -> None:
        self._admin_token = admin_token
        self._credentials = credentials
        self._sessions = sessions
        self._cookies = cookies
        self._identities = identities
        self._proxy = proxy
        self._allow_anonymous = allow_anonymous
        self._service_origin = service_origin
        self._cors = cors

    async def authenticate(self, request: web.Request) -> Caller:
        """Return a caller that may upload. Raise as `require`."""
        return await self.require(request, Scope.UPLOAD)

    async def require(self, request: web.Request, scope: Scope) -> Caller:
        """Return the caller if it has the scope.

        Raise Unauthorized without credentials, InvalidToken, UnknownLink, InsufficientScope, and CatalogueError.
        """
        caller = await self.identify(request)
        if caller.is_refused:
            # In a URL it is not a token that was rejected, but a resource that does not exist.
            raise UnknownLink if "secret" in request.match_info else InvalidToken
        if scope not in caller.scopes:
            raise InsufficientScope(scope.value) if caller.is_known else Unauthorized()
        return caller

    async def require_known(self, request: web.Request) -> Caller:
        """Return a caller that authenticated, whatever its scopes. Raise Unauthorized, InvalidToken, CatalogueError."""
        caller = await self.identify(request)
        if caller.is_refused:
            raise InvalidToken
        if not caller.is_known:
            raise Unauthorized
        return caller

    async def identify(self, request: web.Request) -> Caller:
        """Return the caller, also without credentials.

        Raise CatalogueError, IdentityRefused, and Unauthorized for a name from a proxy that no person has.
        """
        browser, address = self._browser(request), client_address(request)
        token = presented_token(request)
        if token is not None:
            return await self._caller_with_token(token, browser, address)
        if (name := self._proxy.name(request)) is not None:
            person = await self._identities.person(name, address)
            if person is None:
                raise Unauthorized
            return person_caller(person, address)
        value = self._cookies.read(request, SESSION_COOKIE)
        session = await self._sessions.find(value) if value else None
        if session is not None:
            return caller_with(session, browser, address)
        return anonymous_caller(browser, address, may_upload=self._allow_anonymous)

    def ensure_browser_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set a cookie that tells browsers apart, unless the browser has one."""
        if self._browser(request) == LOCAL_OWNER:
            value = secrets.token_urlsafe(32)
            self._cookies.write(response, BROWSER_COOKIE, value, seconds=BROWSER_COOKIE_SECONDS, samesite="Lax")
        # A shared cache must not send one browser's cookie to another.
        response.headers[hdrs.CACHE_CONTROL] = "private, no-cache"

    async def check_admin_token(self, token: str, request: web.Request) -> None:
        """Raise Unauthorized unless it is the admin token, and works from the client's address."""
        if not self._admin_token.equals(token) or not await self._admin_token_works(client_address(request)):
            raise Unauthorized

    async def begin_session(self, owner: Owner | None, request: web.Request, response: web.StreamResponse) -> None:
        """Begin a session of a person, or of the admin token without one. Raise StorageFull, CatalogueError."""
        # The middleware has checked Origin. Without `public_url`, only its scheme shows that a proxy terminates TLS.
        secure = request.headers.get(hdrs.ORIGIN, "").startswith("https:")
        agent = clean_line(request.headers.get(hdrs.USER_AGENT, "")[:200], hdrs.USER_AGENT)
        replaced = self._cookies.read(request, SESSION_COOKIE)
        value = await self._sessions.begin(owner, agent, client_address(request), replaced)
        seconds = self._sessions.lifetime
        self._cookies.write(response, SESSION_COOKIE, value, seconds=seconds, samesite="Strict", secure=secure)

    async def end_session(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session, also for copies of its cookie. Raise StorageFull, CatalogueError."""
        value = self._cookies.read(request, SESSION_COOKIE)
        if value:
            await self._sessions.end(value)
        self._cookies.delete(request, response, SESSION_COOKIE)

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
        # The form of a guest's page, which sends no referrer, has this origin. A foreign page does not know the URL.
        by_guest = origin == "null" and "secret" in request.match_info
        is_own = origin is None or self._service_origin.is_same_origin(origin, request.headers.get(hdrs.HOST, ""))
        return fetched_from == "none" and (is_own or by_guest)

    def _browser(self, request: web.Request) -> str:
        value = self._cookies.read(request, BROWSER_COOKIE)
        return _browser_owner(value) if _BROWSER_COOKIE_VALUE.fullmatch(value) else LOCAL_OWNER

    async def _caller_with_token(self, token: str, browser: str, address: str | None) -> Caller:
        if self._admin_token.equals(token):
            if await self._admin_token_works(address):
                return admin_token_caller(browser, address)
        else:
            credential = await self._credentials.find(token_digest(token))
            # A session's digest is an HMAC, and an invitation only begins a session.
            if credential is not None and credential.token.kind in (TokenKind.API, TokenKind.LINK):
                return caller_with(credential, browser, address)
        return anonymous_caller(browser, address, may_upload=False, is_refused=True)

    async def _admin_token_works(self, address: str | None) -> bool:
        # Not without an address: then nothing shows that the client is on this machine.
        if address is not None and is_loopback(address):
            return True
        return not await self._credentials.has_admin()


def _browser_owner(value: str) -> str:
    """Return the owner of a cookie: a digest, so that stored rows do not reveal the cookie."""
    digest = hashlib.sha256(value.encode()).digest()
    return f"browser:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
