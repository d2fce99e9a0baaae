"""Security headers of every response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HSTS_SECONDS = 365 * 24 * 3600
"""How long a browser remembers that this host speaks HTTPS."""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer: no guessing of types, no addresses told to other sites, nothing for foreign pages."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Content-Security-Policy", CSP)
    if request.method == "GET" and "Cache-Control" not in response.headers:
        # Validated each time by its ETag: a page and its modules must be of one release.
        response.headers["Cache-Control"] = "no-cache"


async def require_https(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers to use HTTPS alone from now on (RFC 6797); over plain HTTP they ignore it."""
    response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"


async def remove_server_header(_request: web.Request, response: web.StreamResponse) -> None:
    """Take away what aiohttp says of itself and of Python: their versions name their known faults."""
    response.headers.pop(hdrs.SERVER, None)
