"""Map errors to status codes and problem objects (RFC 9457). This is the only such table."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from aiohttp import web

from media_service.core.errors.access import (
    InsufficientScope,
    InvalidToken,
    NameTaken,
    Unauthorized,
    UnknownPerson,
    UnknownToken,
    WrongPassword,
)
from media_service.core.errors.base import MediaServiceError, ServiceError
from media_service.core.errors.collections import UnknownCollection
from media_service.core.errors.covers import CoverInvalid, CoverNotImage, CoverTooLarge, CoverTooWide, UnknownCover
from media_service.core.errors.files import (
    ContentHashMismatch,
    Damaged,
    Duplicate,
    FileChanged,
    FileInTrash,
    FilePurged,
    FileTaken,
    LengthMismatch,
    MatchRequired,
    NameInUse,
    NotInTrash,
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
    TooManyRequests,
    TooManySlices,
    TooManyUploads,
)
from media_service.core.errors.links import Asked, LinkEarly, LinkEnded, PassphraseRequired, UnknownLink
from media_service.core.errors.requests import (
    BodyCut,
    BodyTooSlow,
    ForbiddenOrigin,
    IdentityRefused,
    IdleTimeout,
    LengthRequired,
    Malformed,
    RequestTimeout,
    UnsupportedMediaType,
    UnsupportedVersion,
)
from media_service.core.errors.service import (
    BeingFinished,
    CatalogueError,
    ChangedMeanwhile,
    CoversBusy,
    FinalizeFailed,
    MediaError,
    ShuttingDown,
    StorageError,
    StorageFull,
)
from media_service.core.errors.uploads import (
    BytesMissing,
    CancelledByStation,
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

HTTP_STATUS: dict[type[MediaServiceError], int] = {
    Malformed: 400,
    BodyCut: 400,
    IdentityRefused: 400,
    IdleTimeout: 408,
    BodyTooSlow: 408,
    RequestTimeout: 408,
    LengthRequired: 411,
    UnsupportedMediaType: 415,
    UnsupportedVersion: 412,
    ForbiddenOrigin: 403,
    Unauthorized: 401,
    UnknownLink: 404,
    LinkEnded: 410,
    LinkEarly: 403,
    PassphraseRequired: 403,
    Asked: 422,
    InvalidToken: 401,
    WrongPassword: 401,
    InsufficientScope: 403,
    UnknownCollection: 404,
    UnknownPerson: 404,
    UnknownToken: 404,
    NameTaken: 409,
    UnknownUpload: 404,
    UnknownFile: 404,
    UnknownCover: 404,
    MatchRequired: 428,
    FileChanged: 412,
    FileInTrash: 409,
    NotInTrash: 409,
    NameInUse: 409,
    FileTaken: 410,
    FilePurged: 410,
    UploadGone: 410,
    CancelledByStation: 410,
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
    TooManyRequests: 429,
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
    ChangedMeanwhile: 503,
    MediaError: 503,
    FinalizeFailed: 503,
    BeingFinished: 503,
    CoversBusy: 503,
    ShuttingDown: 503,
}

log = structlog.get_logger()


def problem_object(error: MediaServiceError, base: str) -> dict[str, Any]:
    """Return a problem object: the members of RFC 9457, `code`, and the error's fields."""
    return {
        "type": f"{base}/problems/{error.code}",
        "title": problem_title(type(error)),
        "status": HTTP_STATUS[type(error)],
        "detail": error.message,
        "code": error.code,
        **{name: value for name, value in error.details().items() if name not in ("status", "code")},
    }


def problem_title(kind: type[MediaServiceError]) -> str:
    """Return the title of this kind of problem."""
    return kind.code.replace("_", " ").capitalize()


def problem_json(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the response with a problem object."""
    all_headers = dict(headers or {}) | extra_headers(body)
    return web.json_response(body, status=body["status"], headers=all_headers, content_type="application/problem+json")


def extra_headers(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that this problem requires: those of RFC 6750 section 3, and Retry-After."""
    headers, status = {}, body["status"]
    if status >= 500 or status == 429:
        headers["Retry-After"] = str(body.get("retry_after", RETRY_AFTER_SECONDS))
    if status == 401:
        error = f', error="{InvalidToken.code}"' if body["code"] == InvalidToken.code else ""
        headers["WWW-Authenticate"] = f'Bearer realm="media-service"{error}'
    if body["code"] == InsufficientScope.code:
        headers["WWW-Authenticate"] = f'Bearer error="{InsufficientScope.code}", scope="{body["needed"]}"'
    return headers


def problem_response(
    error: MediaServiceError,
    base: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> web.Response:
    """Log the error and return its response; `members` replaces or adds members of the problem object."""
    log_error(error, path)
    return problem_json(problem_object(error, base) | members, headers)


def log_error(error: MediaServiceError, path: str) -> None:
    """Log a failure of the service."""
    # CoversBusy and ChangedMeanwhile are caused by clients, which could fill the log with them.
    if isinstance(error, ServiceError) and not isinstance(error, CoversBusy | ChangedMeanwhile):
        log.warning("service error", code=error.code, path=path, cause=repr(error.__cause__))


def method_not_allowed(request: web.Request, allowed: str) -> web.Response:
    """Return a 405 with the allowed methods."""
    detail = f"{request.method} is not allowed for this URL. Allowed methods: {allowed}."
    return problem_json(_status_problem(405, detail), {"Allow": allowed})


def _status_problem(status: int, detail: str | None = None) -> dict[str, Any]:
    """Return the problem object of an error that has only a status."""
    title = HTTPStatus(status).phrase
    code = title.lower().replace(" ", "_").replace("-", "_")
    return {"type": "about:blank", "title": title, "status": status, "detail": detail or title, "code": code}


class ErrorPages(Protocol):
    """HTML pages for errors, for browsers that navigate to a URL."""

    def error_page(
        self,
        request: web.Request,
        status: int,
        detail: str,
        headers: Mapping[str, str],
        error: MediaServiceError | None = None,
    ) -> web.Response | None:
        """Return a page with this status, None if the client does not accept HTML."""


def problem_middleware(base: str, error_pages: ErrorPages | None = None) -> Middleware:
    """Return a middleware that turns every error, also aiohttp's, into a page or a problem object."""

    def error_response(
        request: web.Request,
        body: dict[str, Any],
        headers: Mapping[str, str] | None = None,
        error: MediaServiceError | None = None,
    ) -> web.Response:
        status = body["status"]
        all_headers = dict(headers or {}) | extra_headers(body)
        page = error_pages.error_page(request, status, body["detail"], all_headers, error) if error_pages else None
        return page or problem_json(body, headers)

    @web.middleware
    async def handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except MediaServiceError as error:
            log_error(error, request.path)
            return error_response(request, problem_object(error, base), error=error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            kept_headers = {key: value for key, value in error.headers.items() if key == "Allow"}
            return error_response(request, _status_problem(error.status), kept_headers)
        except Exception:
            # The response must not expose internals.
            log.exception("a request failed", method=request.method, path=request.path)
            return error_response(request, _status_problem(500))

    return handle_errors
