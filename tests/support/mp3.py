"""MP3 files of valid MPEG-1 layer III frames that decode to silence; each seed gives another file."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

from mutagen.id3 import COMM, ID3, TALB, TCON, TDRC, TIT2, TPE1

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mutagen.id3 import Frame

BITRATE, SAMPLE_RATE, SAMPLES = 128_000, 44_100, 1152
FRAME = SAMPLES // 8 * BITRATE // SAMPLE_RATE
"""Bytes of an unpadded frame."""

FRAMES_PER_SECOND = SAMPLE_RATE / SAMPLES
HEADER = b"\xff\xfb\x90\x64"
"""MPEG-1 layer III without CRC, 128 kbit/s, 44.1 kHz, joint stereo."""

SIDE_INFORMATION = bytes(32)
"""No granule has data, so the frame is silent and its rest is ancillary."""

_FRAMES: dict[str, Any] = {"title": TIT2, "artist": TPE1, "album": TALB, "date": TDRC, "genre": TCON}
_DISTINCT = 512


def make_mp3(seconds: float, tags: Mapping[str, str] | None = None, seed: int = 0) -> bytes:
    """Return a file of about this duration; `tags` go into an ID3v2.4 tag."""
    return tag_bytes(tags or {}) + make_frames(max(2, round(seconds * FRAMES_PER_SECOND)), seed)


def make_mp3_of(size: int, seed: int = 0) -> bytes:
    """Return a file of complete frames, at most one frame smaller than `size` bytes."""
    return make_frames(size // FRAME, seed)


def make_frames(count: int, seed: int = 0) -> bytes:
    """Return frames with ancillary bytes from `seed`, in which nothing looks like a frame header."""
    source = random.Random(seed)
    room = FRAME - len(HEADER) - len(SIDE_INFORMATION)
    distinct = [
        HEADER + SIDE_INFORMATION + source.randbytes(room).replace(b"\xff", b"\xfe")
        for _ in range(min(count, _DISTINCT))
    ]
    return (b"".join(distinct) * (count // len(distinct) + 1))[: count * FRAME]


def tag_bytes(tags: Mapping[str, str], version: int = 4) -> bytes:
    """Return an ID3v2 tag with these tags; no bytes for none."""
    if not tags:
        return b""
    tag = ID3()
    for key, text in tags.items():
        tag.add(COMM(encoding=3, lang="eng", desc="", text=text) if key == "comment" else _FRAMES[key](3, text))
    if version == 3:
        tag.update_to_v23()
    out = io.BytesIO()
    tag.save(out, v1=0, v2_version=version)
    return out.getvalue()


def mislabel_title(file: Path, title: str, *more: Frame) -> None:
    """Tag the file as old Korean programs did: the title in CP949, declared as Latin-1, in ID3v2.3."""
    tag = ID3()
    tag.add(TIT2(encoding=0, text=title.encode("cp949").decode("latin-1")))
    for frame in more:
        tag.add(frame)
    tag.save(file, v2_version=3)
