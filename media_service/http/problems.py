"""The one table from our errors to HTTP: status, title, and RFC 9457 problem objects."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from aiohttp import web

from media_service.core.errors.base import MediaServiceError, ServiceError
from media_service.core.errors.covers import CoverInvalid, CoverNotImage, CoverTooLarge, CoverTooWide, UnknownCover
from media_service.core.errors.files import (
    ContentHashMismatch,
    Damaged,
    Duplicate,
    FileChanged,
    LengthMismatch,
    MatchRequired,
    NotMp3,
    TooCostly,
    UnknownFile,
    UnknownVerdict,
)
from media_service.core.errors.limits import (
    DetailsTooLarge,
    FileTooLarge,
    QuotaExceeded,
    SliceTooLarge,
    SliceTooSmall,
    TooManySlices,
    TooManyUploads,
)
from media_service.core.errors.requests import (
    BodyCut,
    BodyTooSlow,
    ForbiddenOrigin,
    IdleTimeout,
    LengthRequired,
    Malformed,
    RequestTimeout,
    Unauthorized,
    UnsupportedMediaType,
    UnsupportedVersion,
)
from media_service.core.errors.service import (
    BeingFinished,
    CatalogueError,
    CoversBusy,
    FinalizeFailed,
    MediaError,
    ShuttingDown,
    StorageError,
    StorageFull,
)
from media_service.core.errors.uploads import (
    BytesMissing,
    DigestMismatch,
    LengthDiffers,
    NotWritable,
    OffsetMismatch,
    SliceDiffers,
    SpanOutside,
    SpanOverlaps,
    Superseded,
    UnknownUpload,
    UploadGone,
    WrongState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware

RETRY_AFTER_SECONDS = 2
"""Seconds after which a client may try again what failed for our reason, or for its other open uploads."""

HTTP_STATUS: dict[type[MediaServiceError], int] = {
    Malformed: 400,
    BodyCut: 400,
    IdleTimeout: 408,
    BodyTooSlow: 408,
    RequestTimeout: 408,
    LengthRequired: 411,
    UnsupportedMediaType: 415,
    UnsupportedVersion: 412,
    ForbiddenOrigin: 403,
    Unauthorized: 401,
    UnknownUpload: 404,
    UnknownFile: 404,
    UnknownCover: 404,
    MatchRequired: 428,
    FileChanged: 412,
    UploadGone: 410,
    WrongState: 409,
    Superseded: 409,
    OffsetMismatch: 409,
    LengthDiffers: 400,
    NotWritable: 403,
    SpanOutside: 400,
    SpanOverlaps: 400,
    BytesMissing: 409,
    FileTooLarge: 413,
    SliceTooLarge: 413,
    DetailsTooLarge: 400,
    SliceTooSmall: 400,
    TooManySlices: 400,
    TooManyUploads: 429,
    QuotaExceeded: 413,
    CoverNotImage: 415,
    CoverTooLarge: 413,
    CoverTooWide: 422,
    CoverInvalid: 422,
    DigestMismatch: 422,
    SliceDiffers: 422,
    NotMp3: 422,
    Damaged: 422,
    Duplicate: 422,
    LengthMismatch: 422,
    ContentHashMismatch: 422,
    TooCostly: 422,
    UnknownVerdict: 422,
    StorageFull: 507,
    StorageError: 503,
    CatalogueError: 503,
    MediaError: 503,
    FinalizeFailed: 503,
    BeingFinished: 503,
    CoversBusy: 503,
    ShuttingDown: 503,
}

log = structlog.get_logger()


def problem_object(error: MediaServiceError, base: str) -> dict[str, Any]:
    """The problem object of an error: RFC 9457's members, the stable `code`, and the error's fields."""
    return {
        "type": f"{base}/problems/{error.code}",
        "title": problem_title(type(error)),
        "status": HTTP_STATUS[type(error)],
        "detail": error.message,
        "code": error.code,
        **{name: value for name, value in error.details().items() if name not in ("status", "code")},
    }


def problem_title(kind: type[MediaServiceError]) -> str:
    """A short name of the problem, the same each time."""
    return kind.code.replace("_", " ").capitalize()


def problem_json(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem object as an answer."""
    status = body["status"]
    more = dict(headers or {}) | extra_headers(status)
    return web.json_response(body, status=status, headers=more, content_type="application/problem+json")


def extra_headers(status: int) -> dict[str, str]:
    """Return what a status asks for beside the body."""
    more = {}
    if status >= 500 or status == 429:
        more["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == 401:
        more["WWW-Authenticate"] = 'Bearer realm="media-service"'
    return more


def problem_response(
    error: MediaServiceError,
    base: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> web.Response:
    """The answer to an error; a dialect may say some of the problem object's members otherwise, or add headers."""
    log_error(error, path)
    return problem_json(problem_object(error, base) | members, headers)


def log_error(error: MediaServiceError, path: str) -> None:
    """Log what is our trouble."""
    # What clients cause by their number is no trouble of the service: it must not fill the log.
    if isinstance(error, ServiceError) and not isinstance(error, CoversBusy):
        log.warning("trouble", code=error.code, path=path, cause=repr(error.__cause__))


def method_not_allowed(request: web.Request, allowed: str) -> web.Response:
    """Return a 405 with the allowed methods, as a problem object that names them."""
    name = HTTPStatus.METHOD_NOT_ALLOWED.phrase
    detail = f"{request.method} is not possible at this address; {allowed} are."
    body = {"type": "about:blank", "title": name, "status": 405, "detail": detail, "code": "method_not_allowed"}
    return problem_json(body, {"Allow": allowed})


class ErrorPages(Protocol):
    """Pages in place of problem objects, for the requests of browsers that show what they get."""

    def error_page(
        self,
        request: web.Request,
        status: int,
        detail: str,
        headers: Mapping[str, str],
        error: MediaServiceError | None = None,
    ) -> web.Response | None:
        """Return a page with this status, None if the client wants no page."""


def problem_middleware(base: str, error_pages: ErrorPages | None = None) -> Middleware:
    """A middleware that answers every error with a problem object or a page, aiohttp's own refusals included."""

    def error_response(request: web.Request, body: dict[str, Any], headers: Mapping[str, str]) -> web.Response:
        status = body["status"]
        more = dict(headers) | extra_headers(status)
        page = error_pages.error_page(request, status, body["detail"], more) if error_pages else None
        return page or problem_json(body, headers)

    @web.middleware
    async def handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except MediaServiceError as error:
            status = HTTP_STATUS[type(error)]
            page = (
                error_pages.error_page(request, status, error.message, extra_headers(status), error)
                if error_pages
                else None
            )
            if page is None:
                return problem_response(error, base, request.path)
            log_error(error, request.path)
            return page
        except web.HTTPException as error:
            if error.status < 400:
                raise
            name = HTTPStatus(error.status).phrase
            kept_headers = {key: value for key, value in error.headers.items() if key == "Allow"}
            code = name.lower().replace(" ", "_").replace("-", "_")
            body = {"type": "about:blank", "title": name, "status": error.status, "detail": name, "code": code}
            return error_response(request, body, kept_headers)
        except Exception:
            # The top of a request: logged once, and the client hears nothing of our insides.
            log.exception("a request failed", method=request.method, path=request.path)
            name = HTTPStatus.INTERNAL_SERVER_ERROR.phrase
            body = {"type": "about:blank", "title": name, "status": 500, "detail": name}
            return error_response(request, {**body, "code": "internal_server_error"}, {})

    return handle_errors
