"""MP3 and ID3 by mutagen, which only this module imports.

Runs in tag workers only: mutagen trusts declared sizes, and a hostile tag can cost it minutes or gigabytes.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from mutagen import MutagenError
from mutagen.id3 import ID3, Frames, Frames_2_2, ID3NoHeaderError, ParseID3v1
from mutagen.mp3 import MP3, HeaderNotFoundError

from media_service.core.errors.files import NotMp3
from media_service.media.tags.id3v2 import ID3_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MutagenTag = ID3
"""A tag as mutagen holds it, with the frames of version 2.4."""

SKETCHY_MAX_BYTES = 8192
"""Size up to which mutagen's "sketchy" (fewer than four consecutive frames) is accepted: the audio may be that short.
"""


def measure(source: Path | int) -> dict[str, Any]:
    """Return duration in seconds, bitrate in bit/s, sample rate in Hz and channels of an MP3. `source` is a path or an
    open descriptor, which is closed. Raise NotMp3."""
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        return _measure(file)


def _measure(file: BinaryIO) -> dict[str, Any]:
    try:
        info: Any = MP3(file).info
    except HeaderNotFoundError:
        raise NotMp3("it has no MPEG audio frame") from None
    except MutagenError as error:
        # mutagen wraps errors of the operating system. Its own "file too short" is an OSError without a number.
        if isinstance(error.__context__, OSError) and error.__context__.errno:
            raise error.__context__ from None
        raise NotMp3("its structure cannot be read") from None
    if info.layer != 3:
        raise NotMp3(f"it is MPEG audio layer {info.layer}, not layer 3")
    if info.sketchy and file.seek(0, os.SEEK_END) > SKETCHY_MAX_BYTES:
        raise NotMp3("no frame follows the first one")
    if info.length <= 0:
        raise NotMp3("it has no audio")
    return {
        "duration": round(info.length, 3),
        "bitrate": info.bitrate,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
    }


def parse_tag(tag: bytes) -> MutagenTag:
    """Parse a tag into frames of version 2.4; return an empty tag if it cannot be parsed."""
    try:
        return ID3(io.BytesIO(tag), translate=True)
    except (MutagenError, ID3NoHeaderError):
        return ID3()


def render_frames(tag: MutagenTag, version: int) -> bytes:
    """Return the tag's frames as bytes for version 2.3 or 2.4, without a tag header."""
    if version == 3:
        tag.update_to_v23()
    out = io.BytesIO()
    tag.save(out, v1=0, v2_version=version, padding=lambda _: 0)
    return out.getvalue()[ID3_HEADER_BYTES:]


def make_frame(name: str, **fields: Any) -> Any:
    """Build a frame of version 2.4 by its id."""
    return Frames[name](**fields)


def add_missing(tag: MutagenTag, frames: Iterable[Any]) -> list[Any]:
    """Add those frames for which the tag has no equivalent, and return them."""
    added = []
    for frame in frames:
        if not _has_equivalent(tag, frame):
            tag.add(frame)
            added.append(frame)
    return added


def _has_equivalent(tag: MutagenTag, frame: Any) -> bool:
    """Return whether players would show another frame of the tag in place of this one."""
    name = frame.FrameID
    if name in ("COMM", "USLT"):
        return frame.HashKey in tag or (not frame.desc and any(not other.desc for other in tag.getall(name)))
    return frame.HashKey in tag or (name == "APIC" and bool(tag.getall(name)))


def frames_from_id3v1(tag: bytes) -> list[Any]:
    """Return the fields of an ID3v1 tag as frames in Latin-1, so that the bytes do not change."""
    parsed = ParseID3v1(tag) if tag else None
    frames: list[Any] = list((parsed or {}).values())
    for frame in frames:
        if frame.FrameID == "COMM":
            frame.desc = ""
    return frames


def knows_v22_frame(name: bytes) -> bool:
    """Return whether mutagen knows this 2.2 frame; it drops the others."""
    return name.decode() in Frames_2_2
