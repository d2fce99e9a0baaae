"""Routes of the upload page, the admin page, problem pages, static files, and health probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.errors.registry import error_classes
from media_service.http.pages.assets import asset_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.http.pages.assets import Assets
    from media_service.http.pages.html_responses import HtmlResponses
    from media_service.http.pages.page_markup import PageMarkup
    from media_service.http.security.auth import Authenticator


class Pages:
    """Handle pages, static files and probes. `ready` returns whether the service accepts new work."""

    def __init__(
        self,
        assets: Assets,
        markup: PageMarkup,
        html: HtmlResponses,
        authenticator: Authenticator,
        ready: Callable[[], bool],
    ) -> None:
        self._assets = assets
        self._markup = markup
        self._html = html
        self._authenticator = authenticator
        self._ready = ready
        self._problems = {error.code: error for error in error_classes()}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get("/", self.index),
            web.get("/admin", self.admin),
            web.get("/problems/{code}", self.problem),
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/static/{name:.+}", self.asset),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Return the upload page, with a cookie for a new browser."""
        response = self._page(request, "index.html")
        self._authenticator.ensure_browser_cookie(request, response)
        return response

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """Return a module, a style sheet or an icon."""
        return self._assets.response(request, request.match_info["name"])

    async def admin(self, request: web.Request) -> web.StreamResponse:
        """Return the admin page. It reads a token from the URL's fragment and posts it to `/session`."""
        return self._page(request, "admin.html")

    async def problem(self, request: web.Request) -> web.Response:
        """Return the page that a problem's `type` links to."""
        error = self._problems.get(request.match_info["code"])
        if error is None:
            raise web.HTTPNotFound
        return self._html.problem(request, error)

    def _page(self, request: web.Request, name: str) -> web.Response:
        page = self._markup.page(name, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        return asset_response(request, page, vary=hdrs.ACCEPT_LANGUAGE)

    async def health(self, _request: web.Request) -> web.Response:
        """Return 200: the process is alive."""
        return web.Response(text="ok")

    async def ready(self, _request: web.Request) -> web.Response:
        """Return 200 if new work is accepted, else 503."""
        return web.Response(text="ready") if self._ready() else web.Response(status=503, text="not ready")
