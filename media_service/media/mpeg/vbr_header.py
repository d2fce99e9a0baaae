"""The VBR header in the first frame: Xing, Info or VBRI, and LAME's extension ("Mp3 Info Tag", revision 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastcrc import crc16

from media_service.media.mpeg.header import FRAME_HEADER_BYTES

if TYPE_CHECKING:
    from media_service.media.mpeg.header import FrameHeader

VBR_HEADER_IDS = frozenset({b"Xing", b"Info", b"VBRI"})
"""Identifiers of VBR headers. Xing and Info follow the side information."""

EMPTY_SIDE_INFO = bytes(4)
"""First bytes of the side information of a frame with a VBR header; they are rare in audio."""

VBRI_OFFSET = 36
"""Offset of VBRI in the frame."""


@dataclass(frozen=True, slots=True)
class VbrHeader:
    """What the VBR header declares; None if it does not. `frames` leaves out the header's own frame, `size` does not.
    `crc` is LAME's music CRC: of `music_length` bytes from the header's frame on, without that frame."""

    kind: str
    frames: int | None
    size: int | None
    encoder: str | None = None
    delay: int = 0
    padding: int = 0
    music_length: int | None = None
    crc: int | None = None


def read_vbr_header(frame: bytes, header: FrameHeader) -> VbrHeader | None:
    """Return the Xing, Info or VBRI header of a first frame, if it has one."""
    for crc_bytes in (0, 2):
        offset = FRAME_HEADER_BYTES + crc_bytes + header.side_info_bytes
        if frame[offset : offset + 4] in (b"Xing", b"Info"):
            return _read_xing(frame, offset)
    if frame[VBRI_OFFSET : VBRI_OFFSET + 4] == b"VBRI" and len(frame) >= 54:
        return VbrHeader("VBRI", int.from_bytes(frame[50:54]), int.from_bytes(frame[46:50]))
    return None


_LAME_WITH_MUSIC_CRC = re.compile(rb"LAME3\.(9\d|\d{3})")
"""Versions with a music CRC; older ones wrote a longer version string in its place."""


def _read_xing(frame: bytes, start: int) -> VbrHeader:
    kind, flags, offset = frame[start : start + 4].decode(), int.from_bytes(frame[start + 4 : start + 8]), start + 8
    frames = size = None
    if flags & 1:
        frames, offset = int.from_bytes(frame[offset : offset + 4]), offset + 4
    if flags & 2:
        size, offset = int.from_bytes(frame[offset : offset + 4]), offset + 4
    offset += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    lame = frame[offset : offset + 36]
    name = lame[:9].rstrip(b"\0 ")
    if len(lame) < 36 or not re.fullmatch(rb"[\x20-\x7e]{4,9}", name):
        return VbrHeader(kind, frames, size)
    encoder = name.decode()
    crc_matches = crc16.arc(frame[: offset + 34]) == int.from_bytes(lame[34:36])
    if not crc_matches and not _LAME_WITH_MUSIC_CRC.match(name):
        # Another encoder: the bytes after its name are not a LAME tag.
        return VbrHeader(kind, frames, size, encoder)
    # If the tag's own CRC fails, only the music CRC is used: the audio proves or disproves it.
    delay, padding = (int.from_bytes(lame[21:23]) >> 4, int.from_bytes(lame[22:24]) & 0xFFF) if crc_matches else (0, 0)
    music_length, crc = int.from_bytes(lame[28:32]), int.from_bytes(lame[32:34])
    has_music = music_length > 0
    return VbrHeader(
        kind, frames, size, encoder, delay, padding, music_length if has_music else None, crc if has_music else None
    )
