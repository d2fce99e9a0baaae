"""The ID3v1 tag at a file's end, as bytes: an existing one is updated, none is added."""

from __future__ import annotations

import re
from os import SEEK_END
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.signatures import ID3V1_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = {"title": (3, 30), "artist": (33, 30), "album": (63, 30), "date": (93, 4), "comment": (97, 28)}
_SHOWN = frozenset({"title", "artist", "album"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
"""Characters that programs reject in a field; the comment's line breaks are in the ID3v2 tag."""


def read_texts(file: BinaryIO) -> dict[str, bytes]:
    """Return title, artist and album of the tag at the file's end as bytes, if they are not empty."""
    if file.seek(0, SEEK_END) < ID3V1_BYTES:
        return {}
    file.seek(-ID3V1_BYTES, SEEK_END)
    tag = file.read(ID3V1_BYTES)
    if not tag.startswith(b"TAG"):
        return {}
    texts = {key: tag[start : start + size] for key, (start, size) in _FIELDS.items() if key in _SHOWN}
    return {key: raw.partition(b"\0")[0].rstrip(b" ") for key, raw in texts.items() if raw.strip(b"\0 ")}


def update_tag(existing: bytes, tags: Mapping[str, str]) -> bytes:
    """Return the tag with new values; nothing if there is no tag, or nothing to change."""
    if not tags or not existing:
        return b""
    tag = bytearray(existing)
    for key, (offset, size) in _FIELDS.items():
        if key in tags:
            tag[offset : offset + size] = (
                _CONTROLS.sub(" ", tags[key]).encode("latin-1", "replace")[:size].ljust(size, b"\0")
            )
    if (track := re.match(r"\d+", tags.get("track", ""))) and int(track[0]) < 256:
        tag[125:127] = bytes([0, int(track[0])])
    return bytes(tag)
