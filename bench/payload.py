"""The file that is sent: a valid MP3 of exactly the wanted size, because the service rejects others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from tests.support.mp3 import FRAME, make_frames

if TYPE_CHECKING:
    from pathlib import Path

TAG_HEADER = 10
"""Bytes of an ID3v2 header."""

STAMP = 16
"""Smallest padding in bytes: the generator writes a mark into it, so that no two files are equal."""

_FRAMES = make_frames(512, seed=20)
"""About 209 KiB that are repeated; no slice size is a multiple of it, so no two slices are alike."""


def make_payload(path: Path, size: int) -> None:
    """Write an MP3 of `size` bytes: an ID3v2.4 tag with only padding has what whole frames leave over."""
    frames = (size - TAG_HEADER - STAMP) // FRAME
    padding = size - TAG_HEADER - frames * FRAME
    with path.open("wb") as file:
        file.write(b"ID3\x04\x00\x00" + bytes((0, 0, padding >> 7, padding & 0x7F)) + bytes(padding))
        left = frames * FRAME
        while left:
            left -= file.write(_FRAMES[:left])


def audio_digest(path: Path) -> bytes:
    """Return the SHA-256 of what follows the ID3v2 tag: the service writes another tag before the same audio."""
    with path.open("rb") as file:
        file.seek(tag_size(file))
        return hashlib.file_digest(file, "sha256").digest()


def tag_size(file: BinaryIO) -> int:
    """Return the bytes of the ID3v2 tag at the beginning, 0 if there is none."""
    head = file.read(TAG_HEADER)
    if not head.startswith(b"ID3"):
        return 0
    footer = TAG_HEADER if head[5] & 0x10 else 0
    return TAG_HEADER + footer + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
