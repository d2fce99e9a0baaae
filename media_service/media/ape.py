"""What an APE tag holds, as bytes. Sizes are measured, not followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.pictures import picture_type

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGE = 32
"""Bytes of its footer, and of its header where it has one."""

ITEMS = 64
"""Items that are read."""

_KIND = 6
_TEXT, _BINARY = 0, 2


def texts(tag: bytes) -> Iterator[tuple[str, str]]:
    """Each text by its key, as it is written."""
    for key, flags, value in _items(tag):
        if flags & _KIND == _TEXT:
            yield key, value.decode("utf-8", "replace")


def front_cover(tag: bytes) -> bytes | None:
    """The picture, if there is one."""
    for key, flags, value in _items(tag):
        if flags & _KIND == _BINARY and key.lower() == "cover art (front)":
            # A file's name should stand before it, which some writers leave out.
            return value if picture_type(value) else value.partition(b"\0")[2]
    return None


def _items(tag: bytes) -> Iterator[tuple[str, int, bytes]]:
    at, stop = EDGE if tag.startswith(b"APETAGEX") else 0, len(tag) - EDGE
    for _ in range(ITEMS):
        size, flags = int.from_bytes(tag[at : at + 4], "little"), int.from_bytes(tag[at + 4 : at + 8], "little")
        value = tag.find(b"\0", at + 8, stop) + 1
        if not value or value + size > stop:
            return
        yield tag[at + 8 : value - 1].decode("ascii", "replace"), flags, tag[value : value + size]
        at = value + size
