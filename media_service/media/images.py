"""Pictures: what kind the bytes are, how large it is, and whether it is whole. Nothing is decoded.

Each walk takes a time linear in the bytes. It ends at the first thing that cannot be; the largest size seen until then
stands, since a small canvas may hold a large frame.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from media_service.core.cover import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CUT, MOVES, SIZELESS = "it is cut off or damaged", "it moves", "it does not say how large it is"

_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A JPEG marker, but for those within the coded picture: escapes, restarts, fill bytes."""


class _Moves(Exception):
    """The picture has more than one frame."""


def picture_type(picture: bytes) -> str | None:
    """The media type by the picture's own bytes; None for what is no picture that is shown."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if picture.startswith(magic)), None)


def look_at(picture: bytes) -> Picture | None:
    """What the picture's bytes say of it; None for what is no picture that is shown."""
    kind = picture_type(picture)
    if kind is None:
        return None
    width, height, fault = 0, 0, None
    try:
        for wide, high in _WALKS[kind](picture):
            width, height = max(width, wide), max(height, high)
    except (IndexError, ValueError):
        fault = CUT
    except _Moves:
        fault = MOVES
    if fault is None and not (width and height):
        fault = SIZELESS
    return Picture(kind, width, height, fault)


def picture_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the picture's beginning tells them, where it does."""
    kind = picture_type(picture)
    try:
        return None if kind is None else next(_WALKS[kind](picture), None)
    except (IndexError, ValueError, _Moves):
        return None


def _jpeg(picture: bytes) -> Iterator[tuple[int, int]]:
    at, coded = 2, False
    while (marker := _next_marker(picture, at)).group() != b"\xff\xd9":
        kind, at = marker[1][0], marker.end()
        if kind in (0x01, 0xD8):
            continue
        coded |= kind == 0xDA
        stop = at + int.from_bytes(_bytes(picture, at, 2))
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            yield int.from_bytes(_bytes(picture, at + 5, 2)), int.from_bytes(_bytes(picture, at + 3, 2))
        at = max(at + 2, stop)
    if not coded:
        raise ValueError(at)


def _next_marker(picture: bytes, at: int) -> re.Match[bytes]:
    """Raises ValueError where none follows."""
    found = _MARKER.search(picture, at)
    if found is None:
        raise ValueError(at)
    return found


def _png(picture: bytes) -> Iterator[tuple[int, int]]:
    at, name, coded = 8, b"", False
    while name != b"IEND":
        size, name = int.from_bytes(_bytes(picture, at, 4)), _bytes(picture, at + 4, 4)
        if name == b"IHDR":
            yield int.from_bytes(_bytes(picture, at + 8, 4)), int.from_bytes(_bytes(picture, at + 12, 4))
        if name == b"acTL":
            raise _Moves
        coded |= name == b"IDAT"
        whole, at = _bytes(picture, at + 4, size + 4), at + 12 + size
        if zlib.crc32(whole) != int.from_bytes(_bytes(picture, at - 4, 4)):
            raise ValueError(at)
    if not coded:
        raise ValueError(at)


def _gif(picture: bytes) -> Iterator[tuple[int, int]]:
    yield _little(picture, 6, 2), _little(picture, 8, 2)
    at, frames = 13 + _table(picture[10]), 0
    while (kind := picture[at]) != 0x3B:
        if kind == 0x2C:
            frames += 1
            if frames > 1:
                raise _Moves
            yield (
                _little(picture, at + 1, 2) + _little(picture, at + 5, 2),
                _little(picture, at + 3, 2) + _little(picture, at + 7, 2),
            )
            at += 11 + _table(picture[at + 9])
        elif kind == 0x21:
            at += 2
        else:
            raise ValueError(at)
        while size := picture[at]:
            at += 1 + size
        at += 1
    if not frames:
        raise ValueError(at)


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _webp(picture: bytes) -> Iterator[tuple[int, int]]:
    end, at, frames = 8 + _little(picture, 4, 4), 12, 0
    if end > len(picture):
        # What is there may still say how large it would be.
        end = len(picture) + 1
    while at < end:
        name, size = _bytes(picture, at, 4), _little(picture, at + 4, 4)
        yield from _webp_size(picture, name, at + 8)
        frames += name in (b"VP8 ", b"VP8L")
        if name in (b"ANIM", b"ANMF"):
            raise _Moves
        if at + 8 + size > len(picture):
            raise ValueError(at)
        at += 8 + size + size % 2
    if not frames:
        raise ValueError(at)


def _webp_size(picture: bytes, name: bytes, at: int) -> Iterator[tuple[int, int]]:
    if name == b"VP8X":
        yield 1 + _little(picture, at + 4, 3), 1 + _little(picture, at + 7, 3)
    elif name == b"VP8 ":
        yield _little(picture, at + 6, 2) & 0x3FFF, _little(picture, at + 8, 2) & 0x3FFF
    elif name == b"VP8L":
        bits = _little(picture, at + 1, 4)
        yield 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _bytes(picture: bytes, at: int, size: int) -> bytes:
    """Raises ValueError where they are not all there."""
    if at + size > len(picture):
        raise ValueError(at)
    return picture[at : at + size]


def _little(picture: bytes, at: int, size: int) -> int:
    return int.from_bytes(_bytes(picture, at, size), "little")


_WALKS: dict[str, Callable[[bytes], Iterator[tuple[int, int]]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
}
