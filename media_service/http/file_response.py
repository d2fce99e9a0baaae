"""Serve a file with conditional requests and ranges (RFC 9110), without following symbolic links.

aiohttp responds with 416 to an unknown unit or an invalid range, which section 14.2 tells servers to ignore, so Range
is corrected first. Requests for several ranges are ignored too, as the section allows.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from io import FileIO
from stat import S_ISREG
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.errors.service import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aiohttp.abc import AbstractStreamWriter

_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)
# A missing file, a folder, a symbolic link or a socket.
_MISSING_FILE_ERRNOS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO})
_MAX_OFFSET_DIGITS = 18  # a longer number is after the end of any file


async def file_response(path: Path, headers: Mapping[str, str]) -> web.StreamResponse:
    """Return the file's bytes. Raise FileNotFoundError if it is not a regular file, StorageError if opening fails."""
    return _OpenFileResponse(await asyncio.to_thread(_open, path), headers)


def attachment_headers(content_type: str, name: str) -> dict[str, str]:
    """Return headers of a download, which browsers do not run as a page. `name`: parameter of Content-Disposition."""
    return {
        "Content-Type": content_type,
        "Content-Disposition": f"attachment; {name}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }


def byte_range(field: str, size: int) -> str | None:
    """Return the Range field for aiohttp for a file of `size` bytes, None to serve the whole file."""
    unit, _, listed = field.partition("=")
    ranges = [each.strip() for each in listed.split(",") if each.strip()]
    found = _RANGE.fullmatch(ranges[0]) if unit.strip().lower() == "bytes" and len(ranges) == 1 else None
    if found is None or not any(found.groups()):
        return None
    first, last = (
        min(int(digits[: _MAX_OFFSET_DIGITS + 1]), 10**_MAX_OFFSET_DIGITS) if digits else None
        for digits in found.groups()
    )
    if first is None:
        return f"bytes=-{last}" if last else _unsatisfiable(size)
    if last is not None and last < first:
        return None
    return f"bytes={first}-{'' if last is None else last}"


def _unsatisfiable(size: int) -> str:
    return f"bytes={size}-"


def _open(path: Path) -> FileIO:
    """Open a regular file. The check uses the open descriptor, so that the path cannot change in between."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
    except OSError as error:
        raise (FileNotFoundError(path) if error.errno in _MISSING_FILE_ERRNOS else StorageError) from error
    if not S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(path)
    return file


class _OpenFileResponse(web.FileResponse):
    """Send an open file. aiohttp reopens it by its descriptor, so that no path or link is resolved again."""

    def __init__(self, file: FileIO, headers: Mapping[str, str]) -> None:
        super().__init__(f"/proc/self/fd/{file.fileno()}", headers=headers)
        self._file = file

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        with self._file as file:
            return await super().prepare(_with_valid_range(request, os.fstat(file.fileno())))


def _with_valid_range(request: web.BaseRequest, status: os.stat_result) -> web.BaseRequest:
    """Return the request with a corrected Range, or without one if If-Range does not match."""
    range_field = request.headers.get(hdrs.RANGE)
    if range_field is None:
        return request
    headers = request.headers.copy()
    headers.popall(hdrs.RANGE)
    range_value = byte_range(range_field, status.st_size) if request.method == hdrs.METH_GET else None
    if range_value is not None and _if_range_matches(request, status):
        headers[hdrs.RANGE] = range_value
    return request.clone(headers=headers)


def _if_range_matches(request: web.BaseRequest, status: os.stat_result) -> bool:
    """Return whether If-Range allows a range (RFC 9110, section 13.1.5). aiohttp compares dates, but not ETags."""
    # Without this check a resumed download would join the start of the old file to the end of the new one.
    if_range = request.headers.get(hdrs.IF_RANGE)
    if if_range is None or request.if_range is not None:
        return True
    return if_range == f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
