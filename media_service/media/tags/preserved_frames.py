"""Preserve the existing frames that ours do not replace, byte for byte.

Loading and saving a tag by mutagen would lose frames that it does not know. Runs in tag workers only: mutagen converts
frames that 2.3 and 2.4 write differently.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from media_service.media.tags import id3v2, mutagen_adapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.media.tags.new_frames import NewFrames


@dataclass(frozen=True, slots=True)
class SourceTag:
    """An ID3v2 tag of the file. If `readable`, mutagen may parse it."""

    tag: bytes
    readable: bool

    @property
    def version(self) -> int:
        """Return the minor version: 2, 3 or 4 in a valid tag."""
        return self.tag[3]


def preserved_frames(sources: Sequence[SourceTag], new_frames: NewFrames, version: int) -> list[bytes]:
    """Return the frames to keep, in their order; of text frames in several tags only the first. Tags and frames that
    cannot be read are wrapped in PRIV frames."""
    result: list[bytes] = []
    text_names: set[bytes] = set()
    for number, source in enumerate(sources):
        is_first, untranslatable, kept_before = number == 0, [], set(result)
        try:
            if source.version == 2 and is_first and source.readable:
                result += _unknown_v22_frames(source.tag, version)
                continue
            frames = list(islice(id3v2.iter_frames(source.tag), id3v2.MAX_FRAMES + 1))
            if len(frames) > id3v2.MAX_FRAMES:
                raise ValueError(len(frames))
        except ValueError:
            result.append(id3v2.wrap_in_private_frame(source.tag, version))
            continue
        for frame in frames:
            repeated = not is_first and frame.name in text_names
            if new_frames.replaces(frame) or repeated:
                continue
            converted = frame.to_version(version)
            if converted is None:
                untranslatable.append(frame.raw)
            elif converted not in kept_before:
                result.append(converted)
        text_names |= {frame.name for frame in frames if frame.name.startswith(b"T") and frame.name != b"TXXX"}
        if untranslatable:
            result.append(_convert_frames(b"".join(untranslatable), source, version))
    return result


def unread_frame_ids(sources: Sequence[SourceTag]) -> set[str]:
    """Return the ids of the frames in tags that mutagen may not parse."""
    names: set[str] = set()
    for source in sources:
        if not source.readable:
            with suppress(ValueError):
                names |= {frame.name.decode() for frame in islice(id3v2.iter_frames(source.tag), id3v2.MAX_FRAMES)}
    return names


def _convert_frames(frames: bytes, source: SourceTag, version: int) -> bytes:
    """Return frames that the versions write differently: converted by mutagen, or wrapped if it may not parse them."""
    tag = id3v2.build_tag([frames], source.version)
    return (
        mutagen_adapter.render_frames(mutagen_adapter.parse_tag(tag), version)
        if source.readable
        else id3v2.wrap_in_private_frame(tag, version)
    )


def _unknown_v22_frames(tag: bytes, version: int) -> list[bytes]:
    """Return the frames of a 2.2 tag that mutagen drops, wrapped. Raise ValueError."""
    unknown = [frame for name, frame in id3v2.iter_v22_frames(tag) if not mutagen_adapter.knows_v22_frame(name)]
    return [id3v2.wrap_in_private_frame(b"".join(unknown), version)] if unknown else []
