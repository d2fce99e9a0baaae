"""What stays of the tags found: every frame that is not ours, byte for byte.

Loading and saving a tag through mutagen would lose what it does not know. Runs in the child process only: mutagen
translates frames that two versions write otherwise.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from media_service.media import id3, raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.media.ours import Ours


def kept(found: Sequence[bytes], ours: Ours, version: int, *, opaque: bool) -> list[bytes]:
    """The frames of the old tags that ours do not replace, in their order; a text that several tags have, once.

    What cannot be taken apart is set aside as a whole.
    """
    kept: list[bytes] = []
    named: set[bytes] = set()
    for number, tag in enumerate(found):
        first, strange, before = number == 0, [], set(kept)
        try:
            if tag[3] == 2 and first and not opaque:
                kept += _unknown_to_mutagen(tag, version)
                continue
            frames = list(islice(raw.frames(tag), raw.FRAMES + 1))
            if len(frames) > raw.FRAMES:
                raise ValueError(len(frames))
        except ValueError:
            kept.append(raw.set_aside(tag, version))
            continue
        for frame in frames:
            again = not first and frame.name in named
            if ours.replaces(frame) or again:
                continue
            same = frame.as_version(version)
            if same is None:
                strange.append(frame.raw)
            elif same not in before:
                kept.append(same)
        named |= {frame.name for frame in frames if frame.name.startswith(b"T") and frame.name != b"TXXX"}
        if strange:
            kept.append(_translated(b"".join(strange), tag[3], version, opaque=opaque))
    return kept


def _translated(frames: bytes, old: int, new: int, *, opaque: bool) -> bytes:
    """Frames that the two versions write otherwise, by mutagen where it may see them."""
    if opaque:
        return raw.set_aside(raw.join([frames], old), new)
    return id3.save(id3.load(raw.join([frames], old)), new)


def _unknown_to_mutagen(tag: bytes, version: int) -> list[bytes]:
    """What mutagen leaves out of a tag of version 2.2, set aside. Raises ValueError."""
    unknown = [whole for name, whole in raw.small_frames(tag) if not id3.knows_small(name)]
    return [raw.set_aside(b"".join(unknown), version)] if unknown else []
