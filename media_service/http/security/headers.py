"""Security headers of every response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

if TYPE_CHECKING:
    from aiohttp import web

# Of every response that has none of its own.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
GUEST_HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Cache-Control": "no-store"}
HSTS_SECONDS = 365 * 24 * 3600


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers: no MIME sniffing, no Referer for other sites, no embedding by other sites."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Content-Security-Policy", CSP)
    if "secret" in request.match_info:
        # The URL of a guest's page is a secret: no cache, other site or search engine must get it, or the page.
        response.headers.update(GUEST_HEADERS)
    if request.method == "GET" and "Cache-Control" not in response.headers:
        # Revalidate each time: a page and its modules must be from the same release.
        response.headers["Cache-Control"] = "no-cache"


async def require_https(_request: web.Request, response: web.StreamResponse) -> None:
    """Add Strict-Transport-Security (RFC 6797). Browsers ignore it over plain HTTP."""
    response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"


async def remove_server_header(_request: web.Request, response: web.StreamResponse) -> None:
    """Remove Server: the versions of aiohttp and Python tell attackers which vulnerabilities to try."""
    response.headers.pop(hdrs.SERVER, None)
