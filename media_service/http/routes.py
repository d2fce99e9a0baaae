"""Every route under one base path, and what surrounds each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import hdrs, web

from media_service.http.body import part_when_unclear
from media_service.http.pages import add_headers
from media_service.http.problems import translating
from media_service.http.request_checks import checking
from media_service.http.tus import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from media_service.http.auth import Gate
    from media_service.http.cors import Origins
    from media_service.http.problems import Refusals

JSON_LIMIT = 64 * 1024
"""Bytes of a JSON body. Bodies of slices are bounded by the dialects, which read them as they come."""

HTTPS_SECONDS = 365 * 24 * 3600
"""How long a browser remembers that this host speaks HTTPS."""


class Routed(Protocol):
    """A part that answers routes, written without the base path."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """What it answers."""


def application(
    base: str, gate: Gate, origins: Origins, parts: Iterable[Routed], refusals: Refusals | None = None
) -> web.Application:
    """An application that answers the parts' routes under `base`; `refusals` makes pages of them for browsers."""
    around = [origins.sharing(), translating(base, refusals), checking(base), gate.guarding()]
    app = web.Application(middlewares=around, client_max_size=JSON_LIMIT)
    for part in parts:
        app.add_routes(_under(base, route) for route in part.routes())
    if base:
        app.router.add_get(base, _to_page)
    app.on_response_prepare.extend((add_headers, part_when_unclear, _without_server))
    app.on_response_prepare.append(_naming_tus(base))
    return app


async def _without_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Take away what aiohttp says of itself and of Python: their versions name their known faults."""
    response.headers.pop(hdrs.SERVER, None)


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


async def require_https(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers to use HTTPS alone from now on (RFC 6797); over plain HTTP they ignore it."""
    response.headers["Strict-Transport-Security"] = f"max-age={HTTPS_SECONDS}"
