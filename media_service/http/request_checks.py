"""Check every request before its handler: HTTP version, framing, media type, ids in the path, and the query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, hdrs, web

from media_service.core.errors.access import UnknownPerson, UnknownToken
from media_service.core.errors.files import UnknownFile
from media_service.core.errors.links import UnknownLink
from media_service.core.errors.requests import Malformed, UnsupportedMediaType
from media_service.core.errors.uploads import UnknownUpload
from media_service.http.problems import problem_response

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

# aiohttp's parser of Content-Type takes quadratic time (0.9 s for 8,000 semicolons) and recurses at each parenthesis.
MAX_TYPE_BYTES, MAX_TYPE_PARAMETERS = 256, 4
ID_PATTERN = re.compile("[A-Za-z0-9_-]{22}")
_UNKNOWN = {
    "/files/": UnknownFile,
    "/links/": UnknownLink,
    "/people/": UnknownPerson,
    "/tokens/": UnknownToken,
    "/sessions/": UnknownToken,
}
"""What an id without the format of one is refused as, by a part of the route; UnknownUpload elsewhere."""


def check_middleware(base: str) -> Middleware:
    """Return a middleware that refuses invalid requests."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check_framing(request)
        except Malformed as error:
            response = problem_response(error, base, request.path)
            # The end of the message is unknown, so the bytes after it must not be parsed as a request.
            response.force_close()
            return response
        check_media_type(request)
        check_id(request)
        check_query(request)
        return await handler(request)

    return check


def check_framing(request: web.Request) -> None:
    """Raise Malformed for an unsupported HTTP version or transfer coding."""
    if request._version > HttpVersion11:
        # aiohttp responds with the version of the request, but the connection is HTTP/1.1. Set `_version` before the
        # first use of `request.version`, which caches its value.
        request._version = HttpVersion11
        raise Malformed("HTTP version", "must be 1.1 or 1.0")
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, ())
    if codings and request.version < HttpVersion11:
        raise Malformed(hdrs.TRANSFER_ENCODING, "not allowed in HTTP/1.0")
    if codings and ",".join(codings).strip().lower() != "chunked":
        raise Malformed(hdrs.TRANSFER_ENCODING, "must be chunked")


def check_query(request: web.Request) -> None:
    """Raise Malformed for a NUL character, which no text in PostgreSQL has."""
    for name, value in request.query.items():
        if "\0" in value:
            raise Malformed(name, "must not contain a NUL character")


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
        # aiohttp caches the result, so later uses cannot raise.
        return bool(request.content_type)
    except (ValueError, LookupError, RecursionError):
        return False


def check_id(request: web.Request) -> None:
    """Raise UnknownUpload, or the error of what the path is about, if an id in it does not have the format of one."""
    given = [request.match_info[name] for name in ("id", "session") if name in request.match_info]
    # A preflight is about the route, not the resource.
    if request.method == hdrs.METH_OPTIONS or all(ID_PATTERN.fullmatch(each) for each in given):
        return
    route = request.match_info.route.resource
    path = "" if route is None else route.canonical
    raise next((error for part, error in _UNKNOWN.items() if part in path), UnknownUpload)
