"""Every route under one base path, and what surrounds each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from media_service.http.body import part_when_unclear
from media_service.http.dialects.tus import VERSION
from media_service.http.problems import translating
from media_service.http.request_checks import checking
from media_service.http.security.headers import add_headers, remove_server_header

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from media_service.http.problems import Refusals
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.cors import CorsPolicy

JSON_LIMIT = 64 * 1024
"""Bytes of a JSON body. Bodies of slices are bounded by the dialects, which read them as they come."""


class Routed(Protocol):
    """A part that answers routes, written without the base path."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """What it answers."""


def application(
    base: str, authenticator: Authenticator, cors: CorsPolicy, parts: Iterable[Routed], refusals: Refusals | None = None
) -> web.Application:
    """An application that answers the parts' routes under `base`; `refusals` makes pages of them for browsers."""
    around = [cors.middleware(), translating(base, refusals), checking(base), authenticator.origin_middleware()]
    app = web.Application(middlewares=around, client_max_size=JSON_LIMIT)
    for part in parts:
        app.add_routes(_under(base, route) for route in part.routes())
    if base:
        app.router.add_get(base, _to_page)
    app.on_response_prepare.extend((add_headers, part_when_unclear, remove_server_header))
    app.on_response_prepare.append(_naming_tus(base))
    return app


def _naming_tus(base: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a signal that adds Tus-Resumable where a request was refused before the dialect saw it."""
    door = f"{base}/tus"

    async def name(request: web.Request, response: web.StreamResponse) -> None:
        if request.path == door or request.path.startswith(f"{door}/"):
            response.headers.setdefault("Tus-Resumable", VERSION)

    return name


def _under(base: str, route: web.AbstractRouteDef) -> web.AbstractRouteDef:
    assert isinstance(route, web.RouteDef)
    return web.route(route.method, base + route.path, route.handler, **route.kwargs)


async def _to_page(request: web.Request) -> web.Response:
    """The page's links are relative to its folder, so its address must end in a slash."""
    return web.Response(status=308, headers={"Location": f"{request.path}/"})
