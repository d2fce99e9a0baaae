"""Which other sites' pages may upload here, and what browsers must hear before they let them.

An exact list, without wildcards and without credentials: a page on it identifies itself with a token, where one is
needed, and never with the visitor's cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

SHARED_PATHS = ("/tus", "/rufh", "/api/v1/uploads", "/upload")
"""What other sites' pages may reach: the ways to upload, not the pages and not the admin."""

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
    """The origins, such as `https://radio.example`, whose pages may upload to a service under `base`."""

    def __init__(self, allowed: frozenset[str], base: str) -> None:
        self._allowed = allowed
        self._paths = tuple(base + path for path in SHARED_PATHS)

    def allows(self, request: web.Request) -> bool:
        """Whether the request comes from a page that may send it."""
        return self._varies_by_origin(request) and request.headers.get(hdrs.ORIGIN) in self._allowed

    def _varies_by_origin(self, request: web.Request) -> bool:
        """Whether the answer depends on the page that asks."""
        if not self._allowed:
            return False
        return any(request.path == path or request.path.startswith(f"{path}/") for path in self._paths)

    def middleware(self) -> Middleware:
        """A middleware that lets those pages read every answer, refusals included, and answers their preflights."""

        @web.middleware
        async def add_cors_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if self.allows(request):
                response = _with_cors_headers(request, response)
            if self._varies_by_origin(request):
                # A refusal too: a cache must not give it to a page that is allowed.
                response.headers[hdrs.VARY] = ", ".join([*response.headers.getall(hdrs.VARY, ()), hdrs.ORIGIN])
            return response

        return add_cors_headers


def _with_cors_headers(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Return the answer with what lets the page that asks read it; a preflight is answered here."""
    if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and request.method == hdrs.METH_OPTIONS:
        if response.status == web.HTTPMethodNotAllowed.status_code:
            response = web.Response(status=204)
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ALLOWED_METHODS
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = MAX_AGE_SECONDS
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
    return response
