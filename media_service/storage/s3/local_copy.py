"""Local copies of objects, for programs that read files. They have no name, so a crash leaves none."""

from __future__ import annotations

import os
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.core.ranges import Span
from media_service.storage.os_errors import map_os_errors
from media_service.storage.s3.errors import PreconditionFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from media_service.storage.s3.client import ObjectInfo, S3Client
    from media_service.storage.s3.scratch import Scratch

MIB = 1024 * 1024

PROBE_BYTES = 64 * 1024
"""Bytes copied after the leading ID3v2 tags: there an APE tag or the first frames begin."""

TRAILING_BYTES = MIB
"""Bytes copied of the file's end, where trailing tags are."""

MAX_LEADING_BYTES = 16 * MIB
"""Larger leading tags are not copied whole; `media/` does not read them either."""

_ID3_HEADER_BYTES = 10
_FOOTER_FLAG = 0x10


@asynccontextmanager
async def copy_of(client: S3Client, found: ObjectInfo, scratch: Scratch) -> AsyncIterator[Path]:
    """Yield a file with the object's bytes. Raise FileNotFoundError; StorageError if it has others now; StorageFull."""
    with _empty_file(scratch, found.size) as descriptor:
        await _copy(client, found, scratch, descriptor, Span(0, found.size))
        yield _path_of(descriptor)


@asynccontextmanager
async def copy_of_tags(client: S3Client, found: ObjectInfo, scratch: Scratch) -> AsyncIterator[Path]:
    """Yield a file of the object's size with its leading and trailing tags, and holes between; raise as `copy_of`."""
    with _empty_file(scratch, found.size) as descriptor:
        copied, stop = 0, min(PROBE_BYTES, found.size)
        while copied < stop:
            await _copy(client, found, scratch, descriptor, Span(copied, stop))
            copied, stop = stop, min(_leading_tags_end(descriptor) + PROBE_BYTES, found.size)
        trailing = Span(max(copied, found.size - TRAILING_BYTES), found.size)
        await _copy(client, found, scratch, descriptor, trailing)
        yield _path_of(descriptor)


@contextmanager
def _empty_file(scratch: Scratch, size: int) -> Iterator[int]:
    """Yield the descriptor of a file of this size without any bytes."""
    descriptor = scratch.open_unnamed()
    try:
        with map_os_errors():
            # It may have bytes of its last user.
            os.ftruncate(descriptor, 0)
            os.ftruncate(descriptor, size)
        yield descriptor
    finally:
        scratch.close_unnamed(descriptor)


def _path_of(descriptor: int) -> Path:
    """Return a path that opens a file without a name, in this process."""
    return Path(f"/proc/self/fd/{descriptor}")


async def _copy(client: S3Client, found: ObjectInfo, scratch: Scratch, descriptor: int, span: Span) -> None:
    """Copy these bytes of the object to the same place of the file."""
    offset = span.start
    try:
        async with aclosing(client.get(found.key, span.start, span.stop, etag=found.etag)) as blocks:
            async for block in blocks:
                await scratch.write(descriptor, offset, block)
                offset += len(block)
    except PreconditionFailed as error:
        raise StorageError from error


def _leading_tags_end(descriptor: int) -> int:
    """Return where the consecutive ID3v2 tags at the beginning end, at most MAX_LEADING_BYTES."""
    offset = 0
    while offset < MAX_LEADING_BYTES:
        header = os.pread(descriptor, _ID3_HEADER_BYTES, offset)
        if not header.startswith(b"ID3") or len(header) < _ID3_HEADER_BYTES:
            return offset
        size = 0
        for byte in header[6:]:
            # ID3v2.4 structure, section 6.2: seven bits of each byte.
            size = size << 7 | byte & 0x7F
        offset += _ID3_HEADER_BYTES + size + (_ID3_HEADER_BYTES if header[5] & _FOOTER_FLAG else 0)
    return MAX_LEADING_BYTES
