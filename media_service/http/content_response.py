"""Serve a stored file: by the kernel if it is local, else streamed, or by a redirect to where its bytes are."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.times import MICROSECONDS
from media_service.http.file_response import byte_range, file_response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aiohttp import ETag
    from aiohttp.abc import AbstractStreamWriter

    from media_service.core.content import Content


async def content_response(request: web.Request, content: Content, headers: Mapping[str, str]) -> web.StreamResponse:
    """Return the file's bytes, or the requested range. Raise FileNotFoundError, StorageError.

    `headers` have Content-Type and Content-Disposition. With `?stream` the response is no redirect.
    """
    if content.path is not None:
        return await file_response(content.path, headers)
    if request.method == hdrs.METH_GET and "stream" not in request.query:
        url = await content.url(headers[hdrs.CONTENT_TYPE], headers[hdrs.CONTENT_DISPOSITION])
        if url is not None:
            # The URL is valid for minutes, so nothing may be kept.
            return web.Response(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": url, **_NOT_STORED})
    return await _streamed(request, content, headers)


_NOT_STORED = {"Cache-Control": "no-store"}


async def _streamed(request: web.Request, content: Content, headers: Mapping[str, str]) -> web.StreamResponse:
    status, start, stop = _selection(request, content)
    response = _StreamedResponse(content.read(start, stop) if start < stop else None, status, headers)
    response.etag = content.etag
    response.last_modified = content.modified / MICROSECONDS
    response.headers[hdrs.ACCEPT_RANGES] = "bytes"
    if status != HTTPStatus.NOT_MODIFIED:
        response.content_length = content.size if request.method == hdrs.METH_HEAD else stop - start
    if status == HTTPStatus.PARTIAL_CONTENT:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{content.size}"
    elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes */{content.size}"
    await response.begin()
    return response


def _selection(request: web.Request, content: Content) -> tuple[HTTPStatus, int, int]:
    """Return the status, and the span of the bytes to send."""
    failed = _failed_precondition(request, content)
    if failed is not None:
        return failed, 0, 0
    if request.method != hdrs.METH_GET:
        return HTTPStatus.OK, 0, 0
    listed = byte_range(request.headers.get(hdrs.RANGE, ""), content.size)
    if listed is None or not _if_range_matches(request, content):
        return HTTPStatus.OK, 0, content.size
    first, last = listed.removeprefix("bytes=").split("-")
    start = int(first) if first else max(0, content.size - int(last))
    stop = min(int(last) + 1, content.size) if first and last else content.size
    if start >= content.size:
        return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, 0
    return HTTPStatus.PARTIAL_CONTENT, start, stop


def _failed_precondition(request: web.Request, content: Content) -> HTTPStatus | None:
    """Evaluate the conditions in the order of RFC 9110, section 13.2.2."""
    modified = content.modified // MICROSECONDS
    if request.if_match is not None:
        if not _matches(content.etag, request.if_match, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    elif _seconds(request.if_unmodified_since, modified) < modified:
        return HTTPStatus.PRECONDITION_FAILED
    if request.if_none_match is not None:
        if _matches(content.etag, request.if_none_match, weak=True):
            return HTTPStatus.NOT_MODIFIED
    elif request.if_modified_since is not None and modified <= _seconds(request.if_modified_since, 0):
        return HTTPStatus.NOT_MODIFIED
    return None


def _if_range_matches(request: web.Request, content: Content) -> bool:
    field = request.headers.get(hdrs.IF_RANGE)
    if field is None or field == f'"{content.etag}"':
        return True
    return request.if_range is not None and content.modified // MICROSECONDS <= _seconds(request.if_range, 0)


def _matches(etag: str, listed: tuple[ETag, ...], *, weak: bool) -> bool:
    return any(tag.value in (etag, "*") and (weak or not tag.is_weak) for tag in listed)


def _seconds(time: datetime | None, default: int) -> float:
    return default if time is None else time.astimezone(UTC).timestamp()


class _StreamedResponse(web.StreamResponse):
    """Send pieces as the client reads them: one or two are in memory."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None] | None, status: HTTPStatus, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status=status, headers=headers)
        self._pieces = pieces
        self._first = b""

    async def begin(self) -> None:
        """Read the first piece: until then an error is a response of its own."""
        if self._pieces is not None:
            self._first = await anext(self._pieces, b"")

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        writer = await super().prepare(request)
        if self._pieces is None:
            return writer
        async with aclosing(self._pieces) as pieces:
            await self.write(self._first)
            self._first = b""
            async for piece in pieces:
                await self.write(piece)
        return writer
