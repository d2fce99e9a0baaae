"""What stands in MPEG audio: frame headers, encoders' headers, checksums.

Pure functions of bytes. Nothing a file says of itself is trusted here: sizes are measured, not followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

HEADER = 4
"""Bytes of a frame's header."""

LONGEST_FRAME = 2881
"""Bytes that no frame of layer III with a stated bitrate exceeds."""

NAMES = frozenset({b"Xing", b"Info", b"VBRI"})
"""What an encoder's own first frame is told by: the first two stand behind the side information."""

NOTHING = bytes(4)
"""How the side information of such a frame begins, and that of hardly any frame with sound in it."""

VBRI_AT = 36
"""Where the third stands."""

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS = {
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
MODES = ("stereo", "joint stereo", "dual channel", "mono")

ANY_LAYER_3 = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", re.DOTALL)
"""Where a frame of layer III may begin."""

_STATED = b"".join(rb"\x%02x-\x%02x" % (first, first + 11) for first in range(0x10, 0xF0, 0x10))
ANY_FRAME = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][" + _STATED + b"]", re.DOTALL)
"""Where a player may take bytes for a frame of any layer, with a bitrate and a sample rate that there are."""

ANY_OTHER_LAYER = re.compile(rb"\xff[\xe4-\xe7\xf4-\xf7\xfc-\xff]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """A frame's header. `version` is 3 for MPEG-1, 2 for MPEG-2, 0 for 2.5; `length` in bytes, `bitrate` in bit/s."""

    version: int
    layer: int
    sample_rate: int
    bitrate: int
    length: int
    mode: str
    protected: bool

    @property
    def format(self) -> tuple[int, int, int]:
        """What must stay the same through a stream."""
        return self.version, self.layer, self.sample_rate

    @property
    def channels(self) -> int:
        """One or two."""
        return 1 if self.mode == "mono" else 2

    @property
    def samples(self) -> int:
        """Samples of one frame of layer III, each channel."""
        return 1152 if self.version == 3 else 576

    @property
    def side_information(self) -> int:
        """Bytes between the header (or its CRC) and the sound, in layer III."""
        if self.version == 3:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


@lru_cache(maxsize=8192)
def parse_header(key: bytes) -> Header | None:
    """The header of these four bytes; None where they are none, or one of free format.

    The reserved emphasis is accepted: a conformance stream of ISO's has it.
    """
    if len(key) < HEADER or key[0] != 0xFF or key[1] < 0xE0:
        return None
    version, layer = key[1] >> 3 & 3, 4 - (key[1] >> 1 & 3)
    bitrate_index, rate_index = key[2] >> 4, key[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    rate = _RATES[version][rate_index]
    bitrate = 1000 * _KBITS[3 if version == 3 else 2, layer][bitrate_index - 1]
    padding = key[2] >> 1 & 1
    if layer == 1:
        length = (12 * bitrate // rate + padding) * 4
    else:
        length = (72 if layer == 3 and version != 3 else 144) * bitrate // rate + padding
    return Header(version, layer, rate, bitrate, length, MODES[key[3] >> 6], not key[1] & 1)


def is_free_format(buffer: bytes, at: int) -> bool:
    """Whether frames without a stated bitrate begin here: three of the same header, equally far from each other."""
    key = buffer[at : at + HEADER]
    if len(key) < HEADER or key[0] != 0xFF or key[1] & 0xE6 != 0xE2 or key[2] >> 4 or key[2] >> 2 & 3 == 3:
        return False
    same = re.compile(re.escape(key[:2]) + bytes([0x5B, 0x5C, key[2] & 0xFD, 0x5C, key[2] | 2, 0x5D]), re.DOTALL)
    second = same.search(buffer, at + 24, at + 8192)
    if second is None:
        return False
    step = second.start() - at
    # The padding bit may make one frame a byte longer.
    return any(same.match(buffer, second.start() + step + more) for more in (-1, 0, 1))


def resync_pattern(header: Header) -> re.Pattern[bytes]:
    """Where a frame of the same version, layer and sample rate may begin."""
    first = 0xE0 | header.version << 3 | 1 << 1
    rate_index = _RATES[header.version].index(header.sample_rate)
    third = b"".join(
        re.escape(bytes([bitrate << 4 | rate_index << 2 | low])) for bitrate in range(1, 15) for low in range(4)
    )
    return re.compile(
        b"\xff[" + re.escape(bytes([first])) + re.escape(bytes([first | 1])) + b"][" + third + b"]", re.DOTALL
    )


@dataclass(frozen=True, slots=True)
class Declared:
    """What an encoder's header in the first frame says of the whole: counts, and LAME's proof where it is there.

    `frames` are those behind it; `size` counts from its own first byte; None where it does not say. `crc` is LAME's
    CRC-16 of the `music` bytes from the header's first byte to the end, without the header's own frame.
    """

    kind: str
    frames: int | None
    size: int | None
    encoder: str | None = None
    delay: int = 0
    padding: int = 0
    music: int | None = None
    crc: int | None = None


def read_declared(frame: bytes, header: Header) -> Declared | None:
    """The Xing, Info or VBRI header in a first frame."""
    for gap in (0, 2):
        at = HEADER + gap + header.side_information
        if frame[at : at + 4] in (b"Xing", b"Info"):
            return _read_xing(frame, at)
    if frame[VBRI_AT : VBRI_AT + 4] == b"VBRI" and len(frame) >= 54:
        return Declared("VBRI", int.from_bytes(frame[50:54]), int.from_bytes(frame[46:50]))
    return None


_LAME = re.compile(rb"LAME3\.(9\d|\d{3})")
"""Versions that keep a CRC of the music; older ones wrote a longer name there."""


def _read_xing(frame: bytes, start: int) -> Declared:
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
        return Declared(kind, frames, size)
    encoder = name.decode()
    whole = crc16(frame[: at + 34]) == int.from_bytes(lame[34:36])
    if not whole and not _LAME.match(name):
        # What is behind the name is not LAME's: nothing of it is believed.
        return Declared(kind, frames, size, encoder)
    # Of a damaged header only what the bytes themselves can prove or disprove is believed.
    delay, padding = (int.from_bytes(lame[21:23]) >> 4, int.from_bytes(lame[22:24]) & 0xFFF) if whole else (0, 0)
    music, crc = int.from_bytes(lame[28:32]), int.from_bytes(lame[32:34])
    known = music > 0
    return Declared(kind, frames, size, encoder, delay, padding, music if known else None, crc if known else None)


def _reflected(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def _straight(value: int) -> int:
    value <<= 8
    for _ in range(8):
        value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value


_REFLECTED = tuple(map(_reflected, range(256)))
_STRAIGHT = tuple(map(_straight, range(256)))


def crc16(piece: bytes, crc: int = 0) -> int:
    """CRC-16/ARC, which LAME keeps of its header and of the music."""
    table = _REFLECTED
    for byte in piece:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


def frame_crc(piece: bytes) -> int:
    """The CRC of a protected frame, of its header's last two bytes and its side information."""
    crc, table = 0xFFFF, _STRAIGHT
    for byte in piece:
        crc = (crc << 8 & 0xFF00) ^ table[crc >> 8 ^ byte]
    return crc
