"""The header that an encoder writes into the first frame: Xing, Info or VBRI, and LAME's extension of it.

Pure functions of bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.media.mpeg.crc import crc16_arc
from media_service.media.mpeg.header import FRAME_HEADER_BYTES

if TYPE_CHECKING:
    from media_service.media.mpeg.header import FrameHeader

VBR_HEADER_IDS = frozenset({b"Xing", b"Info", b"VBRI"})
"""What an encoder's own first frame is told by: the first two stand behind the side information."""

EMPTY_SIDE_INFO = bytes(4)
"""How the side information of such a frame begins, and that of hardly any frame with sound in it."""

VBRI_OFFSET = 36
"""Where the third stands."""


@dataclass(frozen=True, slots=True)
class VbrHeader:
    """What an encoder's header in the first frame says of the whole: counts, and LAME's proof where it is there.

    `frames` are those behind it; `size` counts from its own first byte; None where it does not say. `crc` is LAME's
    CRC-16 of the `music_length` bytes from the header's first byte to the end, without the header's own frame.
    """

    kind: str
    frames: int | None
    size: int | None
    encoder: str | None = None
    delay: int = 0
    padding: int = 0
    music_length: int | None = None
    crc: int | None = None


def read_vbr_header(frame: bytes, header: FrameHeader) -> VbrHeader | None:
    """The Xing, Info or VBRI header in a first frame."""
    for gap in (0, 2):
        at = FRAME_HEADER_BYTES + gap + header.side_info_bytes
        if frame[at : at + 4] in (b"Xing", b"Info"):
            return _read_xing(frame, at)
    if frame[VBRI_OFFSET : VBRI_OFFSET + 4] == b"VBRI" and len(frame) >= 54:
        return VbrHeader("VBRI", int.from_bytes(frame[50:54]), int.from_bytes(frame[46:50]))
    return None


_LAME_WITH_MUSIC_CRC = re.compile(rb"LAME3\.(9\d|\d{3})")
"""Versions that keep a CRC of the music; older ones wrote a longer name there."""


def _read_xing(frame: bytes, start: int) -> VbrHeader:
    kind, flags, at = frame[start : start + 4].decode(), int.from_bytes(frame[start + 4 : start + 8]), start + 8
    frames = size = None
    if flags & 1:
        frames, at = int.from_bytes(frame[at : at + 4]), at + 4
    if flags & 2:
        size, at = int.from_bytes(frame[at : at + 4]), at + 4
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    lame = frame[at : at + 36]
    name = lame[:9].rstrip(b"\0 ")
    if len(lame) < 36 or not re.fullmatch(rb"[\x20-\x7e]{4,9}", name):
        return VbrHeader(kind, frames, size)
    encoder = name.decode()
    whole = crc16_arc(frame[: at + 34]) == int.from_bytes(lame[34:36])
    if not whole and not _LAME_WITH_MUSIC_CRC.match(name):
        # What is behind the name is not LAME's: nothing of it is believed.
        return VbrHeader(kind, frames, size, encoder)
    # Of a damaged header only what the bytes themselves can prove or disprove is believed.
    delay, padding = (int.from_bytes(lame[21:23]) >> 4, int.from_bytes(lame[22:24]) & 0xFFF) if whole else (0, 0)
    music_length, crc = int.from_bytes(lame[28:32]), int.from_bytes(lame[32:34])
    known = music_length > 0
    return VbrHeader(
        kind, frames, size, encoder, delay, padding, music_length if known else None, crc if known else None
    )
