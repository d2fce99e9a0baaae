"""What an APE tag holds, as bytes. Sizes are measured, not followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.images import picture_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EDGE = 32
"""Bytes of its footer, and of its header where it has one."""

ITEMS = 64
"""Items that are read."""

GAIN = ("REPLAYGAIN_", "MP3GAIN_")
"""How keys of items begin that say how loud the sound is, and what mp3gain changed. No player shows them as tags."""

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


def split(tag: bytes) -> tuple[bytes, bytes]:
    """Return the tag with header and footer as two: what it says of the file, and how loud it is; either may be empty.

    A tag that cannot be taken apart is returned whole as the first.
    """
    said: list[bytes] = []
    gain: list[bytes] = []
    stop = EDGE
    for key, _, value in _items(tag):
        start, stop = stop, stop + 9 + len(key) + len(value)
        (gain if key.upper().startswith(GAIN) else said).append(tag[start:stop])
    if stop != len(tag) - EDGE or not tag[stop:].startswith(b"APETAGEX"):
        return tag, b""
    return _joined(tag, said), _joined(tag, gain)


def _joined(tag: bytes, items: Sequence[bytes]) -> bytes:
    """Return a tag of these items alone, with the tag's own header and footer."""
    if not items:
        return b""
    body = b"".join(items)
    counts = (EDGE + len(body)).to_bytes(4, "little") + len(items).to_bytes(4, "little")
    header, footer = (edge[:12] + counts + edge[20:] for edge in (tag[:EDGE], tag[-EDGE:]))
    return header + body + footer


def _items(tag: bytes) -> Iterator[tuple[str, int, bytes]]:
    at, stop = EDGE if tag.startswith(b"APETAGEX") else 0, len(tag) - EDGE
    for _ in range(ITEMS):
        size, flags = int.from_bytes(tag[at : at + 4], "little"), int.from_bytes(tag[at + 4 : at + 8], "little")
        value = tag.find(b"\0", at + 8, stop) + 1
        if not value or value + size > stop:
            return
        yield tag[at + 8 : value - 1].decode("ascii", "replace"), flags, tag[value : value + size]
        at = value + size
