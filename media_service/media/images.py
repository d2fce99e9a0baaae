"""Type, size and completeness of cover images, without decoding them.

Each parser takes time linear in the bytes. It stops at the first impossible value; the largest size so far stands,
because a small canvas may hold a large frame.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from media_service.core.cover import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRUNCATED, ANIMATED, NO_SIZE = "it is truncated or damaged", "it is animated", "it does not state its size"

_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A JPEG marker outside entropy-coded data: not a stuffed byte, a restart or a fill byte (ITU T.81, section B.1.1)."""


class _Animated(Exception):
    """The image has more than one frame."""


def image_type(picture: bytes) -> str | None:
    """Return the media type by the first bytes; None if it is not JPEG, PNG, GIF or WebP."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if picture.startswith(magic)), None)


def inspect_image(picture: bytes) -> Picture | None:
    """Return type, size and fault of an image; None if it is not JPEG, PNG, GIF or WebP."""
    kind = image_type(picture)
    if kind is None:
        return None
    width, height, fault = 0, 0, None
    try:
        for frame_width, frame_height in _SIZE_READERS[kind](picture):
            width, height = max(width, frame_width), max(height, frame_height)
    except (IndexError, ValueError):
        fault = TRUNCATED
    except _Animated:
        fault = ANIMATED
    if fault is None and not (width and height):
        fault = NO_SIZE
    return Picture(kind, width, height, fault)


def image_size(picture: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels from the first bytes of an image; None if they do not say."""
    kind = image_type(picture)
    try:
        return None if kind is None else next(_SIZE_READERS[kind](picture), None)
    except (IndexError, ValueError, _Animated):
        return None


def _jpeg_sizes(picture: bytes) -> Iterator[tuple[int, int]]:
    offset, coded = 2, False
    while (marker := _next_marker(picture, offset)).group() != b"\xff\xd9":
        kind, offset = marker[1][0], marker.end()
        if kind in (0x01, 0xD8):
            continue
        coded |= kind == 0xDA
        stop = offset + _read_uint(picture, offset, 2)
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            yield _read_uint(picture, offset + 5, 2), _read_uint(picture, offset + 3, 2)
        offset = max(offset + 2, stop)
    if not coded:
        raise ValueError(offset)


def _next_marker(picture: bytes, offset: int) -> re.Match[bytes]:
    """Return the next marker. Raise ValueError if there is none."""
    match = _MARKER.search(picture, offset)
    if match is None:
        raise ValueError(offset)
    return match


def _png_sizes(picture: bytes) -> Iterator[tuple[int, int]]:
    offset, name, coded = 8, b"", False
    while name != b"IEND":
        size, name = _read_uint(picture, offset, 4), _read_bytes(picture, offset + 4, 4)
        if name == b"IHDR":
            yield _read_uint(picture, offset + 8, 4), _read_uint(picture, offset + 12, 4)
        if name == b"acTL":
            raise _Animated
        coded |= name == b"IDAT"
        chunk, offset = _read_bytes(picture, offset + 4, size + 4), offset + 12 + size
        if zlib.crc32(chunk) != _read_uint(picture, offset - 4, 4):
            raise ValueError(offset)
    if not coded:
        raise ValueError(offset)


def _gif_sizes(picture: bytes) -> Iterator[tuple[int, int]]:
    yield _read_little_endian(picture, 6, 2), _read_little_endian(picture, 8, 2)
    offset, frames = 13 + _color_table_bytes(picture[10]), 0
    while (kind := picture[offset]) != 0x3B:
        if kind == 0x2C:
            frames += 1
            if frames > 1:
                raise _Animated
            yield (
                _read_little_endian(picture, offset + 1, 2) + _read_little_endian(picture, offset + 5, 2),
                _read_little_endian(picture, offset + 3, 2) + _read_little_endian(picture, offset + 7, 2),
            )
            offset += 11 + _color_table_bytes(picture[offset + 9])
        elif kind == 0x21:
            offset += 2
        else:
            raise ValueError(offset)
        while size := picture[offset]:
            offset += 1 + size
        offset += 1
    if not frames:
        raise ValueError(offset)


def _color_table_bytes(flags: int) -> int:
    """Return the bytes of a GIF colour table."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp_sizes(picture: bytes) -> Iterator[tuple[int, int]]:
    end, offset, frames = 8 + _read_little_endian(picture, 4, 4), 12, 0
    if end > len(picture):
        # A cut image may still state its size.
        end = len(picture) + 1
    while offset < end:
        name, size = _read_bytes(picture, offset, 4), _read_little_endian(picture, offset + 4, 4)
        yield from _webp_chunk_size(picture, name, offset + 8)
        frames += name in (b"VP8 ", b"VP8L")
        if name in (b"ANIM", b"ANMF"):
            raise _Animated
        if offset + 8 + size > len(picture):
            raise ValueError(offset)
        offset += 8 + size + size % 2
    if not frames:
        raise ValueError(offset)


def _webp_chunk_size(picture: bytes, name: bytes, offset: int) -> Iterator[tuple[int, int]]:
    if name == b"VP8X":
        yield 1 + _read_little_endian(picture, offset + 4, 3), 1 + _read_little_endian(picture, offset + 7, 3)
    elif name == b"VP8 ":
        yield _read_little_endian(picture, offset + 6, 2) & 0x3FFF, _read_little_endian(picture, offset + 8, 2) & 0x3FFF
    elif name == b"VP8L":
        bits = _read_little_endian(picture, offset + 1, 4)
        yield 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _read_bytes(picture: bytes, offset: int, size: int) -> bytes:
    """Return `size` bytes. Raise ValueError if the image ends before."""
    if offset + size > len(picture):
        raise ValueError(offset)
    return picture[offset : offset + size]


def _read_uint(picture: bytes, offset: int, size: int) -> int:
    return int.from_bytes(_read_bytes(picture, offset, size))


def _read_little_endian(picture: bytes, offset: int, size: int) -> int:
    return int.from_bytes(_read_bytes(picture, offset, size), "little")


_SIZE_READERS: dict[str, Callable[[bytes], Iterator[tuple[int, int]]]] = {
    "image/jpeg": _jpeg_sizes,
    "image/png": _png_sizes,
    "image/gif": _gif_sizes,
    "image/webp": _webp_sizes,
}
