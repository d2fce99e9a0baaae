"""Bound an upload's metadata: the file's time, and the bytes of text that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.limits import DetailsTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.limits import CHAPTER_BYTES, DETAILS_BYTES

if TYPE_CHECKING:
    from media_service.core.chapters import Chapter
    from media_service.core.upload import Upload

LAST_MODIFIED_END_US = 253_402_214_400_000_000
"""9999-12-31T00:00:00Z in microseconds; later times overflow `datetime` when a time zone is added."""


def check_details(upload: Upload) -> Upload:
    """Return the upload. Raise Malformed for a time that is not from 1970 to 9999, DetailsTooLarge."""
    if upload.last_modified is not None and not 0 <= upload.last_modified < LAST_MODIFIED_END_US:
        raise Malformed("last_modified", "it must be from 1970-01-01 on and before 9999-12-31, in UTC")
    if details_bytes(upload) > DETAILS_BYTES:
        raise DetailsTooLarge(DETAILS_BYTES)
    return upload


def details_bytes(upload: Upload) -> int:
    """Return the bytes of tags, chapters and protocol fields."""
    pairs = [*(upload.tags or {}).items(), *(upload.protocol_fields or {}).items()]
    return sum(_size(name) + _size(value) for name, value in pairs) + sum(map(_chapter_size, upload.chapters))


def _chapter_size(chapter: Chapter) -> int:
    return CHAPTER_BYTES + _size(chapter.title) + _size(chapter.url or "")


def _size(text: str) -> int:
    # Text that did not arrive as UTF-8 has surrogates.
    return len(text.encode(errors="surrogatepass"))
