"""Cross-origin resource sharing (CORS): the other origins whose pages may upload.

Exact origins only, without credentials: such a page sends a token if one is required, never the visitor's cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

SHARED_PATHS = ("/tus", "/rufh", "/api/v1/uploads", "/upload")
ALLOWED_METHODS = "POST, GET, HEAD, PATCH, DELETE, OPTIONS, PUT"
ALLOWED_HEADERS = (
    "Authorization, Content-Type, X-Requested-With, X-Request-ID, X-HTTP-Method-Override, Tus-Resumable, "
    "Upload-Length, Upload-Offset, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Checksum, "
    "Upload-Complete, Upload-Incomplete, Upload-Draft-Interop-Version, Content-Digest, Repr-Digest, Want-Repr-Digest, "
    "Content-Disposition, Idempotency-Key"
)
EXPOSED_HEADERS = (
    "Location, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Expires, "
    "Upload-Complete, Upload-Incomplete, Upload-Limit, Upload-Result, Upload-Draft-Interop-Version, Tus-Resumable, "
    "Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Repr-Digest, Content-Digest, Retry-After, "
    "X-Request-ID"
)
MAX_AGE_SECONDS = "86400"


class CorsPolicy:
    """Allow origins such as `https://radio.example` to upload. The pages and the admin API are not shared."""

    def __init__(self, allowed: frozenset[str], base: str) -> None:
        self._allowed = allowed
        self._paths = tuple(base + path for path in SHARED_PATHS)

    def allows(self, request: web.Request) -> bool:
        """Return whether the request is for a shared path and from an allowed origin."""
        return self._varies_by_origin(request) and request.headers.get(hdrs.ORIGIN) in self._allowed

    def _varies_by_origin(self, request: web.Request) -> bool:
        """Return whether the response depends on Origin."""
        if not self._allowed:
            return False
        return any(request.path == path or request.path.startswith(f"{path}/") for path in self._paths)

    def middleware(self) -> Middleware:
        """Return a middleware that adds CORS headers to all responses, also errors, and handles preflights."""

        @web.middleware
        async def add_cors_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if self.allows(request):
                response = _with_cors_headers(request, response)
            if self._varies_by_origin(request):
                # Also if refused: a cache must not serve that response to an allowed origin.
                response.headers[hdrs.VARY] = ", ".join([*response.headers.getall(hdrs.VARY, ()), hdrs.ORIGIN])
            return response

        return add_cors_headers


def _with_cors_headers(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Add the CORS headers. Return a 204 instead of a 405 for a preflight."""
    if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and request.method == hdrs.METH_OPTIONS:
        if response.status == web.HTTPMethodNotAllowed.status_code:
            response = web.Response(status=204)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ALLOWED_METHODS
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = MAX_AGE_SECONDS
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
    return response
