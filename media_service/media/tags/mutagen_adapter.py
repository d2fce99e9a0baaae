"""MP3 and ID3 through mutagen, which is imported here and nowhere else.

Runs in the child process of `worker.py` only: mutagen trusts what a file says of itself, and a hostile tag can cost it
minutes or gigabytes.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from mutagen import MutagenError
from mutagen.id3 import ID3, Frames, Frames_2_2, ID3NoHeaderError, ParseID3v1
from mutagen.mp3 import MP3, HeaderNotFoundError

from media_service.core.errors.files import NotMp3
from media_service.media.tags.id3v2 import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Tag = ID3
"""A tag as mutagen holds it, in the words of version 2.4."""

SKETCHY_LIMIT = 8192
"""Bytes up to which mutagen's "sketchy" (fewer than four frames in a row) may simply be a short sound."""


def measure(source: Path | int) -> dict[str, Any]:
    """Duration in seconds, bitrate in bit/s, sample rate in Hz and channels of an MP3 with at least one frame.

    The source is a path or an open descriptor, which is closed then. Raises NotMp3.
    """
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        return _measure(file)


def _measure(file: BinaryIO) -> dict[str, Any]:
    try:
        info: Any = MP3(file).info
    except HeaderNotFoundError:
        raise NotMp3("it has no MPEG audio frame") from None
    except MutagenError as error:
        # mutagen wraps the operating system's errors too, and a bad disk says nothing about the file.
        # Its own "file too short" is an OSError as well, but one without a number.
        if isinstance(error.__context__, OSError) and error.__context__.errno:
            raise error.__context__ from None
        raise NotMp3("its structure cannot be read") from None
    if info.layer != 3:
        raise NotMp3(f"it is MPEG audio layer {info.layer}, not layer 3")
    if info.sketchy and file.seek(0, os.SEEK_END) > SKETCHY_LIMIT:
        raise NotMp3("what looks like a frame is followed by no other")
    if info.length <= 0:
        raise NotMp3("it has no sound in it")
    return {
        "duration": round(info.length, 3),
        "bitrate": info.bitrate,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
    }


def load(tag: bytes) -> Tag:
    """A tag as mutagen reads it, as version 2.4 has it; an empty one where it cannot."""
    try:
        return ID3(io.BytesIO(tag), translate=True)
    except (MutagenError, ID3NoHeaderError):
        return ID3()


def save(tag: Tag, version: int) -> bytes:
    """The tag's frames as mutagen writes them in version 3 or 4, without the header before them."""
    if version == 3:
        tag.update_to_v23()
    out = io.BytesIO()
    tag.save(out, v1=0, v2_version=version, padding=lambda _: 0)
    return out.getvalue()[HEADER:]


def make(name: str, **fields: Any) -> Any:
    """A frame of version 2.4 by its id."""
    return Frames[name](**fields)


def fill(tag: Tag, frames: Iterable[Any]) -> list[Any]:
    """Adds those frames that say what the tag does not say yet; which these are."""
    added = []
    for frame in frames:
        if not _says(tag, frame):
            tag.add(frame)
            added.append(frame)
    return added


def _says(tag: Tag, frame: Any) -> bool:
    """Whether the tag has a frame in whose place this one would be shown."""
    name = frame.FrameID
    if name in ("COMM", "USLT"):
        return frame.HashKey in tag or (not frame.desc and any(not other.desc for other in tag.getall(name)))
    return frame.HashKey in tag or (name == "APIC" and bool(tag.getall(name)))


def from_id3v1(found: bytes) -> list[Any]:
    """Its texts as frames that are labelled Latin-1 as they were, so that their bytes stay what they are."""
    read = ParseID3v1(found) if found else None
    frames: list[Any] = list((read or {}).values())
    for frame in frames:
        if frame.FrameID == "COMM":
            frame.desc = ""
    return frames


def knows_small(name: bytes) -> bool:
    """Whether mutagen knows this frame of version 2.2; it leaves out the others."""
    return name.decode() in Frames_2_2
