"""What stays of the tags found: every frame that is not ours, byte for byte.

Loading and saving a tag through mutagen would lose what it does not know. Runs in the child process only: mutagen
translates frames that two versions write otherwise.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from media_service.media.tags import id3v2, mutagen_adapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.media.tags.new_frames import Ours


@dataclass(frozen=True, slots=True)
class Found:
    """A tag of ID3v2 as it stands in the file, and whether mutagen may see it."""

    tag: bytes
    readable: bool

    @property
    def version(self) -> int:
        """2, 3 or 4, or what it says of itself."""
        return self.tag[3]


def kept(found: Sequence[Found], ours: Ours, version: int) -> list[bytes]:
    """The frames of the old tags that ours do not replace, in their order; a text that several tags have, once.

    What cannot be taken apart is set aside as a whole.
    """
    kept: list[bytes] = []
    named: set[bytes] = set()
    for number, each in enumerate(found):
        first, strange, before = number == 0, [], set(kept)
        try:
            if each.version == 2 and first and each.readable:
                kept += _unknown_to_mutagen(each.tag, version)
                continue
            frames = list(islice(id3v2.frames(each.tag), id3v2.FRAMES + 1))
            if len(frames) > id3v2.FRAMES:
                raise ValueError(len(frames))
        except ValueError:
            kept.append(id3v2.set_aside(each.tag, version))
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
            kept.append(_translated(b"".join(strange), each, version))
    return kept


def unread(found: Sequence[Found]) -> set[str]:
    """The ids of the frames that stay and that nobody reads."""
    names: set[str] = set()
    for each in found:
        if not each.readable:
            with suppress(ValueError):
                names |= {frame.name.decode() for frame in islice(id3v2.frames(each.tag), id3v2.FRAMES)}
    return names


def _translated(frames: bytes, found: Found, version: int) -> bytes:
    """Frames that the two versions write otherwise, by mutagen where it may see them."""
    tag = id3v2.join([frames], found.version)
    return mutagen_adapter.save(mutagen_adapter.load(tag), version) if found.readable else id3v2.set_aside(tag, version)


def _unknown_to_mutagen(tag: bytes, version: int) -> list[bytes]:
    """What mutagen leaves out of a tag of version 2.2, set aside. Raises ValueError."""
    unknown = [whole for name, whole in id3v2.small_frames(tag) if not mutagen_adapter.knows_small(name)]
    return [id3v2.set_aside(b"".join(unknown), version)] if unknown else []
