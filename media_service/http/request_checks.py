"""Checks of every request before its handler: the HTTP version, the framing, the media type and the id in the path.

A request that fails one of them is refused before anything else parses its fields.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, hdrs, web

from media_service.core.errors.files import UnknownFile
from media_service.core.errors.requests import Malformed, UnsupportedMediaType
from media_service.core.errors.uploads import UnknownUpload
from media_service.http.problems import problem_response

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

MAX_TYPE_BYTES, MAX_TYPE_PARAMETERS = 256, 4
"""Limits of a Content-Type. aiohttp's parser takes quadratic time: 0.9 s for 8,000 semicolons. It recurses at each
bracket, although HTTP has no comments there."""

ID_PATTERN = re.compile("[A-Za-z0-9_-]{22}")


def check_middleware(base: str) -> Middleware:
    """Return a middleware that refuses what no handler of a service under `base` may see."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check_framing(request)
        except Malformed as error:
            response = problem_response(error, base, request.path)
            # Where the message ends is in doubt, so what follows it must not be read as a request.
            response.force_close()
            return response
        check_media_type(request)
        check_id(request)
        return await handler(request)

    return check


def check_framing(request: web.Request) -> None:
    """Raise Malformed for an HTTP version or a transfer coding that is not supported."""
    if request._version > HttpVersion11:
        # aiohttp answers in the version of the request, and this connection does not speak HTTP/2. `request.version`
        # is not asked before: it remembers its first answer.
        request._version = HttpVersion11
        raise Malformed("HTTP version", "it must be 1.1 or 1.0")
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, ())
    if codings and request.version < HttpVersion11:
        raise Malformed(hdrs.TRANSFER_ENCODING, "HTTP/1.0 does not have it")
    if codings and ",".join(codings).strip().lower() != "chunked":
        raise Malformed(hdrs.TRANSFER_ENCODING, "it must be chunked")


def check_media_type(request: web.Request) -> None:
    """Raise UnsupportedMediaType if the Content-Type is too long or cannot be parsed."""
    value = request.headers.get(hdrs.CONTENT_TYPE, "")
    plain = len(value) <= MAX_TYPE_BYTES and value.isascii()
    few = max(value.count(";"), value.count("(")) <= MAX_TYPE_PARAMETERS
    if not (plain and few and _is_parsable(request)):
        raise UnsupportedMediaType(
            f"a valid Content-Type of at most {MAX_TYPE_BYTES} bytes and {MAX_TYPE_PARAMETERS} parameters"
        )


def _is_parsable(request: web.Request) -> bool:
    try:
        # aiohttp keeps the result, so no later use of it can raise.
        return bool(request.content_type)
    except (ValueError, LookupError, RecursionError):
        return False


def check_id(request: web.Request) -> None:
    """Raise UnknownUpload or UnknownFile if the id in the path does not have the shape of one."""
    given = request.match_info.get("id")
    # A preflight asks about the route, not about the upload.
    if given is None or request.method == hdrs.METH_OPTIONS or ID_PATTERN.fullmatch(given):
        return
    route = request.match_info.route.resource
    raise UnknownFile if route is not None and "/files/" in route.canonical else UnknownUpload
