"""The ID3v1 tag at a file's end, as bytes: an existing one is brought along, none is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = {"title": (3, 30), "artist": (33, 30), "album": (63, 30), "date": (93, 4), "comment": (97, 28)}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
"""Programs call a field with such characters invalid; a comment has line breaks in the tag in front."""


def changed(found: bytes, tags: Mapping[str, str]) -> bytes:
    """The tag with the new tags in it; nothing where there is none, or nothing to change."""
    if not tags or not found:
        return b""
    old = bytearray(found)
    for key, (at, size) in _FIELDS.items():
        if key in tags:
            old[at : at + size] = _CONTROLS.sub(" ", tags[key]).encode("latin-1", "replace")[:size].ljust(size, b"\0")
    if (track := re.match(r"\d+", tags.get("track", ""))) and int(track[0]) < 256:
        old[125:127] = bytes([0, int(track[0])])
    return bytes(old)
