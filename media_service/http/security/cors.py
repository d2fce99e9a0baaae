"""Cross-origin resource sharing (CORS): the other origins whose pages may upload.

Exact origins only, without credentials: such a page sends a token if one is required, never the visitor's cookie. The
settings name origins for everybody; a guest link names those that may use its secret as bearer token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from aiohttp import hdrs, web

from media_service.core.errors.base import ServiceError
from media_service.http.security.presented_token import presented_token

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from media_service.access.guests import Guests

SHARED_PATHS = ("/tus", "/rufh", "/api/v1/uploads", "/upload")
ALLOWED_METHODS = "POST, GET, HEAD, PATCH, DELETE, OPTIONS, PUT"
ALLOWED_HEADERS = (
    "Authorization, Content-Type, X-Requested-With, X-Request-ID, X-HTTP-Method-Override, Tus-Resumable, "
    "Upload-Length, Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "
    "Upload-Complete, Upload-Incomplete, Upload-Draft-Interop-Version, Content-Digest, Repr-Digest, Want-Repr-Digest, "
    "Content-Disposition, Idempotency-Key, Upload-Passphrase"
)
EXPOSED_HEADERS = (
    "Location, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Expires, "
    "Upload-Complete, Upload-Incomplete, Upload-Limit, Upload-Result, Upload-Draft-Interop-Version, Tus-Resumable, "
    "Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Repr-Digest, Content-Digest, Retry-After, "
    "X-Request-ID"
)
MAX_AGE_SECONDS = "86400"


_ALLOWED = web.RequestKey("allowed_origin", bool)
"""Whether the origin of a request may use its path."""

log = structlog.get_logger()


class CorsPolicy:
    """Allow origins such as `https://radio.example` to upload. The pages and the admin API are not shared."""

    def __init__(self, allowed: frozenset[str], guests: Guests, base: str) -> None:
        self._allowed = allowed
        self._guests = guests
        self._paths = tuple(base + path for path in SHARED_PATHS)

    def allows(self, request: web.Request) -> bool:
        """Return whether the request is for a shared path and from an allowed origin, as the middleware found."""
        return request.get(_ALLOWED) is True

    def middleware(self) -> Middleware:
        """Return a middleware that adds CORS headers to all responses, also errors, and handles preflights."""

        @web.middleware
        async def add_cors_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get(hdrs.ORIGIN)
            varies = (origin is not None or bool(self._allowed)) and self._is_shared(request)
            if varies and origin is not None:
                request[_ALLOWED] = origin in self._allowed or await self._allowed_by_link(request, origin)
            response = await handler(request)
            if self.allows(request):
                response = _with_cors_headers(request, response)
            if varies:
                # Also if refused: a cache must not serve that response to an allowed origin.
                response.headers[hdrs.VARY] = ", ".join([*response.headers.getall(hdrs.VARY, ()), hdrs.ORIGIN])
            return response

        return add_cors_headers

    def _is_shared(self, request: web.Request) -> bool:
        return any(request.path == path or request.path.startswith(f"{path}/") for path in self._paths)

    async def _allowed_by_link(self, request: web.Request, origin: str) -> bool:
        """Return whether the presented link names the origin; for a preflight, which has none, whether any does."""
        secret = presented_token(request)
        if request.headers.get("Sec-Fetch-Site") == "same-origin" or (secret is None and not _is_preflight(request)):
            return False
        try:
            return await self._guests.allows_origin(origin, secret)
        except ServiceError as error:
            log.warning("origins of links not read", error=str(error))
            return False


def _is_preflight(request: web.Request) -> bool:
    return request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


def _with_cors_headers(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Add the CORS headers. Return a 204 instead of a 405 for a preflight."""
    if _is_preflight(request):
        if response.status == web.HTTPMethodNotAllowed.status_code:
            response = web.Response(status=204)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ALLOWED_METHODS
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = MAX_AGE_SECONDS
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
    return response
