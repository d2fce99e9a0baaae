"""A file as a response: conditional requests and ranges by RFC 9110, and no symbolic link is followed.

aiohttp serves the file. This module decides which `Range` it sees: aiohttp answers 416 where the RFC wants an unknown
unit or an invalid range ignored, and a server may ignore a request for several ranges.
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
_MISSING_FILE_ERRNOS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO})
"""What opening says of a missing file, a folder, a symbolic link and a socket."""

_MAX_OFFSET_DIGITS = 18
"""Digits of the largest offset that is compared; a longer number is beyond every file."""


async def file_response(path: Path, headers: Mapping[str, str]) -> web.StreamResponse:
    """Return a response with the file's bytes.

    Raise FileNotFoundError if the path is not a regular file, StorageError if it cannot be opened.
    """
    return _OpenFileResponse(await asyncio.to_thread(_open, path), headers)


def byte_range(field: str, size: int) -> str | None:
    """Return the range to serve of a file of `size` bytes, as aiohttp reads it; None for the whole file."""
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
    """Open the file itself: the check and the bytes that are sent are those of one descriptor."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for a writer.
        file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
    except OSError as error:
        raise (FileNotFoundError(path) if error.errno in _MISSING_FILE_ERRNOS else StorageError) from error
    if not S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(path)
    return file


class _OpenFileResponse(web.FileResponse):
    """An open file. aiohttp opens it again by its descriptor, so that it sees no name and no link."""

    def __init__(self, file: FileIO, headers: Mapping[str, str]) -> None:
        super().__init__(f"/proc/self/fd/{file.fileno()}", headers=headers)
        self._file = file

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        with self._file as file:
            return await super().prepare(_with_valid_range(request, os.fstat(file.fileno())))


def _with_valid_range(request: web.BaseRequest, status: os.stat_result) -> web.BaseRequest:
    """Return the request with the range that applies; without one if it asks for another version of the file."""
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
    """Return whether If-Range allows a range: aiohttp compares dates there, and knows no ETag.

    Without this check a resumed download would get the old file's beginning and the new one's end.
    """
    if_range = request.headers.get(hdrs.IF_RANGE)
    if if_range is None or request.if_range is not None:
        return True
    return if_range == f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
