"""What a person opens: the page, the admin and its sign-in, the problems' explanations; and what a probe asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict

from media_service.core.errors.registry import error_classes
from media_service.http.body import read_json
from media_service.http.pages.assets import asset_response
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.http.pages.assets import Assets
    from media_service.http.pages.html_responses import HtmlResponses
    from media_service.http.pages.page_markup import PageMarkup
    from media_service.http.security.auth import Authenticator

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class SignIn(BaseModel):
    """The body of `POST /admin/session`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str


class Pages:
    """Pages, their files, and probes. `ready` says whether the service takes new work."""

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
        """What this file answers."""
        return [
            web.get("/", self.index),
            web.get("/admin", self.admin),
            web.post("/admin/session", self.sign_in),
            web.delete("/admin/session", self.sign_out),
            web.get("/problems/{code}", self.problem),
            web.get("/health", self.health),
            web.get("/ready", self.ready),
            web.get("/static/{name:.+}", self.asset),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The page; it gives a browser the cookie by which its uploads are its own."""
        response = self._page(request, "index.html")
        self._authenticator.ensure_owner_cookie(request, response)
        return response

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A module, a style sheet or an icon of the pages."""
        return self._assets.response(request, request.match_info["name"])

    async def admin(self, request: web.Request) -> web.StreamResponse:
        """The admin. A token in the URL's fragment is not sent here: the page posts it to `/admin/session`."""
        return self._page(request, "admin.html")

    async def sign_in(self, request: web.Request) -> web.Response:
        """204 and the cookie of a new session, for the right token."""
        response = web.Response(status=204)
        await shielded(self._authenticator.sign_in((await read_json(request, SignIn)).token, request, response))
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """204: the session has ended, also for a copy of its cookie."""
        response = web.Response(status=204)
        await shielded(self._authenticator.sign_out(request, response))
        return response

    async def problem(self, request: web.Request) -> web.Response:
        """What a problem's `type` points to."""
        error = self._problems.get(request.match_info["code"])
        if error is None:
            raise web.HTTPNotFound
        return self._html.problem(request, error)

    def _page(self, request: web.Request, name: str) -> web.Response:
        page = self._markup.page(name, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        return asset_response(request, page, vary=hdrs.ACCEPT_LANGUAGE)

    async def health(self, _request: web.Request) -> web.Response:
        """200 while the process answers."""
        return web.Response(text="ok")

    async def ready(self, _request: web.Request) -> web.Response:
        """200 while new work is taken, else 503."""
        return web.Response(text="ready") if self._ready() else web.Response(status=503, text="not ready")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer: no guessing of types, no addresses told to other sites, nothing for foreign pages."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Content-Security-Policy", CSP)
    if request.method == "GET" and "Cache-Control" not in response.headers:
        # Validated each time by its ETag: a page and its modules must be of one release.
        response.headers["Cache-Control"] = "no-cache"
