"""MPEG audio frame headers (ISO 11172-3, section 2.4.1.3; ISO 13818-3 and MPEG-2.5 for lower sample rates)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

FRAME_HEADER_BYTES = 4
"""Size of a frame header."""

MAX_FRAME_BYTES = 2881
"""Upper bound of the size of a frame of any layer: layer II, 160 kbit/s at 8 kHz, padded."""

_SAMPLE_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_BITRATES_KBPS = {
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
CHANNEL_MODES = ("stereo", "joint stereo", "dual channel", "mono")

LAYER_3_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", re.DOTALL)
"""The first two bytes of a layer III frame."""

_VALID_THIRD_BYTES = b"".join(rb"\x%02x-\x%02x" % (first, first + 11) for first in range(0x10, 0xF0, 0x10))
ANY_LAYER_SYNC = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][" + _VALID_THIRD_BYTES + b"]", re.DOTALL)
"""Header bytes that a player may take for a frame of any layer: with a valid bitrate and sample rate."""

OTHER_LAYER_SYNC = re.compile(rb"\xff[\xe4-\xe7\xf4-\xf7\xfc-\xff]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame header. `version`: 3 for MPEG-1, 2 for MPEG-2, 0 for MPEG-2.5; `length` in bytes, `bitrate` in bit/s."""

    version: int
    layer: int
    sample_rate: int
    bitrate: int
    length: int
    mode: str
    protected: bool

    @property
    def format(self) -> tuple[int, int, int]:
        """Return version, layer and sample rate: constant within a stream."""
        return self.version, self.layer, self.sample_rate

    @property
    def channels(self) -> int:
        """Return the number of channels, 1 or 2."""
        return 1 if self.mode == "mono" else 2

    @property
    def samples(self) -> int:
        """Return the samples per channel of a layer III frame."""
        return 1152 if self.version == 3 else 576

    @property
    def side_info_bytes(self) -> int:
        """Return the size of the layer III side information, which follows the header or its CRC."""
        if self.version == 3:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


@lru_cache(maxsize=8192)
def parse_header(key: bytes) -> FrameHeader | None:
    """Parse the four bytes of a header; None if they are invalid or state no bitrate (free format). The reserved
    emphasis is accepted: an ISO conformance stream has it."""
    if len(key) < FRAME_HEADER_BYTES or key[0] != 0xFF or key[1] < 0xE0:
        return None
    version, layer = key[1] >> 3 & 3, 4 - (key[1] >> 1 & 3)
    bitrate_index, rate_index = key[2] >> 4, key[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    sample_rate = _SAMPLE_RATES_HZ[version][rate_index]
    bitrate = 1000 * _BITRATES_KBPS[3 if version == 3 else 2, layer][bitrate_index - 1]
    padding = key[2] >> 1 & 1
    if layer == 1:
        length = (12 * bitrate // sample_rate + padding) * 4
    else:
        length = (72 if layer == 3 and version != 3 else 144) * bitrate // sample_rate + padding
    return FrameHeader(version, layer, sample_rate, bitrate, length, CHANNEL_MODES[key[3] >> 6], not key[1] & 1)


def is_free_format(buffer: bytes, offset: int) -> bool:
    """Return whether free-format frames begin here: three equal headers at equal distances."""
    key = buffer[offset : offset + FRAME_HEADER_BYTES]
    if len(key) < FRAME_HEADER_BYTES or key[0] != 0xFF or key[1] & 0xE6 != 0xE2 or key[2] >> 4 or key[2] >> 2 & 3 == 3:
        return False
    same_header = re.compile(re.escape(key[:2]) + bytes([0x5B, 0x5C, key[2] & 0xFD, 0x5C, key[2] | 2, 0x5D]), re.DOTALL)
    second_frame = same_header.search(buffer, offset + 24, offset + 8192)
    if second_frame is None:
        return False
    frame_bytes = second_frame.start() - offset
    # Padding makes a frame one byte longer.
    return any(same_header.match(buffer, second_frame.start() + frame_bytes + more) for more in (-1, 0, 1))


def resync_pattern(header: FrameHeader) -> re.Pattern[bytes]:
    """Return a pattern of headers with the same version, layer and sample rate."""
    second_byte = 0xE0 | header.version << 3 | 1 << 1
    rate_index = _SAMPLE_RATES_HZ[header.version].index(header.sample_rate)
    third_byte = b"".join(
        re.escape(bytes([bitrate << 4 | rate_index << 2 | low])) for bitrate in range(1, 15) for low in range(4)
    )
    return re.compile(
        b"\xff[" + re.escape(bytes([second_byte])) + re.escape(bytes([second_byte | 1])) + b"][" + third_byte + b"]",
        re.DOTALL,
    )
