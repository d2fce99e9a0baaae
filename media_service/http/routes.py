"""Every route under one base path, and what surrounds each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import hdrs, web

from media_service.http.body import close_if_ambiguous
from media_service.http.dialects.tus import VERSION
from media_service.http.pages.pages import add_headers
from media_service.http.problems import problem_middleware
from media_service.http.request_checks import check_middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from media_service.http.problems import ErrorPages
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.cors import CorsPolicy

MAX_JSON_BYTES = 64 * 1024
"""Bytes of a JSON body. Bodies of slices are bounded by the dialects, which read them as they come."""

HSTS_SECONDS = 365 * 24 * 3600
"""How long a browser remembers that this host speaks HTTPS."""


class RouteProvider(Protocol):
    """A part that answers routes, written without the base path."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """What it answers."""


def application(
    base: str,
    authenticator: Authenticator,
    cors: CorsPolicy,
    providers: Iterable[RouteProvider],
    error_pages: ErrorPages | None = None,
) -> web.Application:
    """An application that answers the parts' routes under `base`; `error_pages` makes pages of them for browsers."""
    middlewares = [
        cors.middleware(),
        problem_middleware(base, error_pages),
        check_middleware(base),
        authenticator.origin_middleware(),
    ]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_JSON_BYTES)
    for provider in providers:
        app.add_routes(_with_base(base, route) for route in provider.routes())
    if base:
        app.router.add_get(base, _redirect_to_page)
    app.on_response_prepare.extend((add_headers, close_if_ambiguous, _without_server))
    app.on_response_prepare.append(_tus_version_signal(base))
    return app


async def _without_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Take away what aiohttp says of itself and of Python: their versions name their known faults."""
    response.headers.pop(hdrs.SERVER, None)


def _tus_version_signal(base: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal that adds Tus-Resumable where a request was refused before the dialect saw it."""
    prefix = f"{base}/tus"

    async def name(request: web.Request, response: web.StreamResponse) -> None:
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            response.headers.setdefault("Tus-Resumable", VERSION)

    return name


def _with_base(base: str, route: web.AbstractRouteDef) -> web.AbstractRouteDef:
    assert isinstance(route, web.RouteDef)
    return web.route(route.method, base + route.path, route.handler, **route.kwargs)


async def _redirect_to_page(request: web.Request) -> web.Response:
    """The page's links are relative to its folder, so its address must end in a slash."""
    return web.Response(status=308, headers={"Location": f"{request.path}/"})


async def require_https(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers to use HTTPS alone from now on (RFC 6797); over plain HTTP they ignore it."""
    response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
