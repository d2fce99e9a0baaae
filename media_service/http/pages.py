"""What a person opens: the page, the admin and its sign-in, the problems' explanations; and what a probe asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict

from media_service.core.errors.registry import error_classes
from media_service.http.body import json_body
from media_service.http.static import respond
from media_service.http.steps import unbroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.http.auth import Gate
    from media_service.http.html_answers import HtmlAnswers
    from media_service.http.page_markup import PageMarkup
    from media_service.http.static import Assets

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
        self, assets: Assets, markup: PageMarkup, answers: HtmlAnswers, gate: Gate, ready: Callable[[], bool]
    ) -> None:
        self._assets = assets
        self._markup = markup
        self._answers = answers
        self._gate = gate
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
        answer = self._page(request, "index.html")
        self._gate.welcome(request, answer)
        return answer

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A module, a style sheet or an icon of the pages."""
        return self._assets.answer(request, request.match_info["name"])

    async def admin(self, request: web.Request) -> web.StreamResponse:
        """The admin. A token in the URL's fragment is not sent here: the page posts it to `/admin/session`."""
        return self._page(request, "admin.html")

    async def sign_in(self, request: web.Request) -> web.Response:
        """204 and the cookie of a new session, for the right token."""
        answer = web.Response(status=204)
        await unbroken(self._gate.sign_in((await json_body(request, SignIn)).token, request, answer))
        return answer

    async def sign_out(self, request: web.Request) -> web.Response:
        """204: the session has ended, also for a copy of its cookie."""
        answer = web.Response(status=204)
        await unbroken(self._gate.sign_out(request, answer))
        return answer

    async def problem(self, request: web.Request) -> web.Response:
        """What a problem's `type` points to."""
        error = self._problems.get(request.match_info["code"])
        if error is None:
            raise web.HTTPNotFound
        return self._answers.problem(request, error)

    def _page(self, request: web.Request, name: str) -> web.Response:
        page = self._markup.page(name, request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
        return respond(request, page, vary=hdrs.ACCEPT_LANGUAGE)

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
