"""APE tags (APEv2 specification) as bytes. Declared sizes are checked against the bytes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.images import image_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APE_HEADER_BYTES = 32
"""Size of the footer, and of the optional header."""

MAX_ITEMS = 64
"""Items read of a tag."""

GAIN_KEY_PREFIXES = ("REPLAYGAIN_", "MP3GAIN_")
"""Prefixes of keys for ReplayGain and mp3gain's undo data, which players do not show as tags."""

_KIND = 6
_TEXT, _BINARY = 0, 2


def read_texts(tag: bytes) -> Iterator[tuple[str, str]]:
    """Yield key and text of each text item."""
    for key, flags, value in _items(tag):
        if flags & _KIND == _TEXT:
            yield key, value.decode("utf-8", "replace")


def front_cover(tag: bytes) -> bytes | None:
    """Return the front cover, if there is one."""
    for key, flags, value in _items(tag):
        if flags & _KIND == _BINARY and key.lower() == "cover art (front)":
            # The file name that should precede it is missing in some tags.
            return value if image_type(value) else value.partition(b"\0")[2]
    return None


def split_gain(tag: bytes) -> tuple[bytes, bytes]:
    """Split a tag into descriptive and gain items; either may be empty. A malformed tag is returned as the first."""
    texts: list[bytes] = []
    gain: list[bytes] = []
    stop = APE_HEADER_BYTES
    for key, _, value in _items(tag):
        start, stop = stop, stop + 9 + len(key) + len(value)
        (gain if key.upper().startswith(GAIN_KEY_PREFIXES) else texts).append(tag[start:stop])
    if stop != len(tag) - APE_HEADER_BYTES or not tag[stop:].startswith(b"APETAGEX"):
        return tag, b""
    return _build_tag(tag, texts), _build_tag(tag, gain)


def _build_tag(tag: bytes, items: Sequence[bytes]) -> bytes:
    """Return a tag of these items, with the flags of the given one."""
    if not items:
        return b""
    body = b"".join(items)
    counts = (APE_HEADER_BYTES + len(body)).to_bytes(4, "little") + len(items).to_bytes(4, "little")
    header, footer = (edge[:12] + counts + edge[20:] for edge in (tag[:APE_HEADER_BYTES], tag[-APE_HEADER_BYTES:]))
    return header + body + footer


def _items(tag: bytes) -> Iterator[tuple[str, int, bytes]]:
    offset, stop = APE_HEADER_BYTES if tag.startswith(b"APETAGEX") else 0, len(tag) - APE_HEADER_BYTES
    for _ in range(MAX_ITEMS):
        size = int.from_bytes(tag[offset : offset + 4], "little")
        flags = int.from_bytes(tag[offset + 4 : offset + 8], "little")
        value_start = tag.find(b"\0", offset + 8, stop) + 1
        if not value_start or value_start + size > stop:
            return
        yield tag[offset + 8 : value_start - 1].decode("ascii", "replace"), flags, tag[value_start : value_start + size]
        offset = value_start + size
