"""Build the aiohttp application: routes, middlewares and response signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from media_service.http.body import close_if_ambiguous
from media_service.http.dialects.tus import VERSION
from media_service.http.problems import problem_middleware
from media_service.http.request_checks import check_middleware
from media_service.http.security.headers import add_headers, remove_server_header

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from aiohttp.typedefs import Middleware

    from media_service.http.problems import ErrorPages
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.cors import CorsPolicy

MAX_JSON_BYTES = 64 * 1024  # the dialects limit slices themselves


class RouteProvider(Protocol):
    """A component with routes."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Return the routes, without the base path."""


def application(
    base: str,
    authenticator: Authenticator,
    cors: CorsPolicy,
    providers: Iterable[RouteProvider],
    *,
    error_pages: ErrorPages | None = None,
    guards: Iterable[Middleware] = (),
) -> web.Application:
    """Return an application with the providers' routes under `base`.

    `error_pages` renders errors for browsers. `guards` see every request before the other checks, and may refuse it.
    """
    middlewares = [
        cors.middleware(),
        problem_middleware(base, error_pages),
        *guards,
        check_middleware(base),
        authenticator.origin_middleware(),
    ]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_JSON_BYTES)
    for provider in providers:
        app.add_routes(_with_base(base, route) for route in provider.routes())
    if base:
        app.router.add_get(base, _redirect_to_page)
    app.on_response_prepare.extend((add_headers, close_if_ambiguous, remove_server_header))
    app.on_response_prepare.append(_tus_version_signal(base))
    return app


def _tus_version_signal(base: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal that adds Tus-Resumable to responses of middlewares too, which the dialect does not see."""
    prefix = f"{base}/tus"

    async def add_tus_version(request: web.Request, response: web.StreamResponse) -> None:
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            response.headers.setdefault("Tus-Resumable", VERSION)

    return add_tus_version


def _with_base(base: str, route: web.AbstractRouteDef) -> web.AbstractRouteDef:
    assert isinstance(route, web.RouteDef)
    return web.route(route.method, base + route.path, route.handler, **route.kwargs)


async def _redirect_to_page(request: web.Request) -> web.Response:
    """Redirect to the URL with a slash: the page's links are relative to it."""
    return web.Response(status=308, headers={"Location": f"{request.path}/"})
