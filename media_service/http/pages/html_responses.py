"""HTML responses for browsers without scripts: form results, errors, and problem pages."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from media_service.core.errors.covers import CoverTooLarge
from media_service.core.errors.files import Damaged
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.links import Asked, LinkEnded, PassphraseRequired
from media_service.core.errors.requests import Malformed
from media_service.core.upload_states import FINISHING
from media_service.http.pages.station import clock_text, size_text
from media_service.http.problems import HTTP_STATUS, extra_headers, problem_object, problem_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.core.errors.base import MediaServiceError
    from media_service.core.guest_links import GuestLink
    from media_service.core.upload import Upload
    from media_service.http.pages.page_markup import Localizer, PageMarkup

BYTE_LIMIT_ERRORS = (FileTooLarge, CoverTooLarge)  # whose `limit` is in bytes
_REASON_FIELD = re.compile(r"[:,] \{\w+\}")
_FIELD = re.compile(r"\{(\w+)\}")


def wants_html(request: web.Request) -> bool:
    """Return whether the client is a browser that navigates. Scripts accept JSON or anything."""
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return "text/html" in accepted and "application/json" not in accepted


class HtmlResponses:
    """The same responses as for other clients, with HTML as the body."""

    def __init__(self, markup: PageMarkup, base: str) -> None:
        self._markup = markup
        self._base = base

    def upload_page(
        self, request: web.Request, upload: Upload, status: int, headers: Mapping[str, str]
    ) -> web.Response:
        """Return the result of a form: the file is stored, or still being checked."""
        localizer = self._localizer(request)
        values = {"name": upload.filename, "size": size_text(upload.length or 0)}
        if upload.state in FINISHING:
            message = localizer.all("plain.arrived", **values)
        elif upload.facts is None:
            message = localizer.all("plain.stored_unmeasured", **values)
        else:
            message = localizer.all("plain.stored", duration=clock_text(upload.facts.duration), **values)
        # An empty URL is this page's own, from which a guest has posted the form.
        another = self._home_link(localizer, "plain.another", "" if _is_guest(request) else f"{self._base}/")
        body = f'<p class="message">{message}</p>\n{another}'
        return self._page(request, localizer.all("plain.thanks"), body, status, headers)

    def form_error(
        self,
        request: web.Request,
        error: MediaServiceError,
        form_input: Mapping[str, str],
        *,
        read: bool,
        link: GuestLink | None = None,
    ) -> web.Response:
        """Return why a form was refused, and the form with its input. `read`: the whole form was received."""
        if _is_guest(request) and link is None:
            return self._error_page(request, HTTP_STATUS[type(error)], error.message, {}, error)
        localizer = self._localizer(request)
        status = HTTP_STATUS[type(error)]
        again = localizer.all("plain.again" if read else "plain.back")
        action = "" if _is_guest(request) else f"{self._base}/upload"
        form = self._markup.plain_form(localizer, action, form_input, link)
        body = f'<p class="message">{self._explanation(localizer, error)}</p>\n<p>{again}</p>\n{form}'
        not_sent = isinstance(error, Malformed | Asked | PassphraseRequired)
        heading = localizer.all("plain.not_sent" if not_sent else "plain.refused")
        return self._page(request, heading, body, status, extra_headers(problem_object(error, self._base)))

    def error_page(
        self,
        request: web.Request,
        status: int,
        detail: str,
        headers: Mapping[str, str],
        error: MediaServiceError | None = None,
    ) -> web.Response | None:
        """Return the page of any other error, None if the client does not accept HTML. `detail` is in English."""
        return self._error_page(request, status, detail, headers, error) if wants_html(request) else None

    def _error_page(
        self,
        request: web.Request,
        status: int,
        detail: str,
        headers: Mapping[str, str],
        error: MediaServiceError | None,
    ) -> web.Response:
        localizer = self._localizer(request)
        gone = status in (404, 410)
        heading = "plain.not_found" if gone else "plain.failed"
        if error is not None and (not gone or isinstance(error, LinkEnded)):
            message = self._explanation(localizer, error)
        elif gone or status >= 500:
            message = localizer.all(f"{heading}_why")
        else:
            message = f'<span lang="en">{escape(detail)}</span>'
        body = f'<p class="message">{message}</p>\n{self._home_link(localizer, "plain.home")}'
        return self._page(request, localizer.all(heading), body, status, headers)

    def problem(self, request: web.Request, kind: type[MediaServiceError]) -> web.Response:
        """Return the page that a problem's `type` links to: its meaning, code, status and fields."""
        localizer = self._localizer(request)
        message = localizer.all(*_text_keys(kind.code))
        explanation = _FIELD.sub(r"<var>\1</var>", _REASON_FIELD.sub("", escape(kind.template, quote=False)))
        paragraphs = [
            *([f'<p class="message">{message}</p>'] if message else []),
            f'<p lang="en">{explanation}</p>',
            f'<p lang="en"><code>{kind.code}</code>, HTTP status {HTTP_STATUS[kind]}</p>',
            self._home_link(localizer, "plain.home"),
        ]
        body = "\n".join(paragraphs)
        heading = f'<bdi lang="en">{escape(problem_title(kind).replace("mp3", "MP3"))}</bdi>'
        return self._page(request, heading, body, 200, {hdrs.CACHE_CONTROL: "no-cache"}, vary=hdrs.ACCEPT_LANGUAGE)

    def _explanation(self, localizer: Localizer, error: MediaServiceError) -> str:
        """Return the error's explanation in the reader's language, in English if there is no translation."""
        values = error.details()
        if isinstance(error, Asked):
            values["fields"] = ", ".join(localizer.one(f"plain.asked.{name}") for name in error.fields)
        limit = values.get("limit")
        if isinstance(error, BYTE_LIMIT_ERRORS) and isinstance(limit, int):
            values["limit"] = size_text(limit)
        keys: tuple[str, ...] = _text_keys(error.code)
        if isinstance(error, Malformed):
            keys = (f"plain.why.malformed_{error.field.removeprefix('tags.')}", *keys)
        message = localizer.all(*keys, **values) or f'<span lang="en">{escape(error.message)}</span>'
        if not isinstance(error, Damaged):
            return message
        finding = localizer.all(f"finding.{error.finding}", **values)
        return f"{finding}</p>\n<p>{message}" if finding else message

    def _home_link(self, localizer: Localizer, key: str, url: str | None = None) -> str:
        return f'<p><a href="{self._base + "/" if url is None else url}">{localizer.all(key)}</a></p>'

    def _localizer(self, request: web.Request) -> Localizer:
        return self._markup.localizer(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))

    def _page(
        self,
        request: web.Request,
        heading: str,
        body: str,
        status: int,
        headers: Mapping[str, str],
        *,
        vary: str = f"{hdrs.ACCEPT}, {hdrs.ACCEPT_LANGUAGE}",
    ) -> web.Response:
        referrer = "no-referrer" if _is_guest(request) else "same-origin"
        text = self._markup.plain_page(self._localizer(request), heading, body, referrer=referrer)
        all_headers: dict[str, Any] = {hdrs.VARY: vary, **headers}
        return web.Response(text=text, status=status, headers=all_headers, content_type="text/html")


def _is_guest(request: web.Request) -> bool:
    """Return whether the URL has the secret of a link."""
    return "secret" in request.match_info


def _text_keys(code: str) -> tuple[str, str]:
    return f"plain.why.{code}", f"why.{code}"
