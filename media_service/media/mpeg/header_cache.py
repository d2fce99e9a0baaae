"""The headers that occur in a stream, each parsed once.

A dictionary from header bytes to frame length is the fast path of the parser: damaged and foreign bytes miss.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import FRAME_HEADER_BYTES, FrameHeader, parse_header, resync_pattern
from media_service.media.mpeg.vbr_header import EMPTY_SIDE_INFO, VBRI_OFFSET

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDE_FRAMES = 32
"""Frames that one match skips, at a third of the cost of single lookups."""

MAX_STRIDE_HEADERS = 256
"""Number of different headers above which strides are not tried: each new header compiles the pattern again."""


class HeaderCache:
    """Known headers of one format. `lengths` and `inspected` map a header's bytes to the frame's length.

    `id_offset` is the offset of Xing and Info in a frame, and in MPEG-1 stereo of VBRI, which is not searched
    elsewhere.
    """

    def __init__(self, first_header: FrameHeader) -> None:
        self.first_header = first_header
        self.sync_pattern = resync_pattern(first_header)
        self.lengths: dict[bytes, int] = {}
        self.inspected: dict[bytes, int] = {}
        """Headers of frames that are inspected one by one: they have a CRC, or another `id_offset`."""
        self.id_offset = FRAME_HEADER_BYTES + first_header.side_info_bytes
        self._stride: re.Pattern[bytes] | None = None

    def add(self, key: bytes) -> FrameHeader | None:
        """Parse a new header and add it; None if it does not fit the format."""
        header = parse_header(key)
        if header is None or header.format != self.first_header.format:
            return None
        if header.protected or header.side_info_bytes != self.first_header.side_info_bytes:
            self.inspected[key] = header.length
        else:
            self.lengths[key] = header.length
            self._stride = None
        return header

    def contains(self, key: bytes) -> bool:
        """Return whether the header is known."""
        return key in self.lengths or key in self.inspected

    def stride_pattern(self) -> re.Pattern[bytes] | None:
        """Return the pattern that skips `STRIDE_FRAMES` frames; None if there are no headers, or too many."""
        if self._stride is None and 0 < len(self.lengths) <= MAX_STRIDE_HEADERS:
            self._stride = _compile_stride(self.lengths, self.id_offset)
        return self._stride

    def partial_frame_length(self, rest: bytes) -> int | None:
        """Return the length of the frame whose incomplete header this is; None if unknown."""
        if not 0 < len(rest) < FRAME_HEADER_BYTES:
            return None
        return next((length for key, length in (self.lengths | self.inspected).items() if key.startswith(rest)), None)


def _compile_stride(lengths: Mapping[bytes, int], id_offset: int) -> re.Pattern[bytes]:
    """Return a pattern of `STRIDE_FRAMES` consecutive frames with these headers, none of them a VBR header. Its
    branches exclude each other, so that matching does not backtrack."""
    fourth_bytes: dict[tuple[bytes, int], bytes] = {}
    for key, length in lengths.items():
        fourth_bytes[key[:3], length] = fourth_bytes.get((key[:3], length), b"") + re.escape(key[3:])
    vbr_id = rb"[XIV](?:ing|nfo|BRI)" if id_offset == VBRI_OFFSET else rb"[XI](?:ing|nfo)"
    # Empty side information is rare in audio and cheaper to test than the name after it.
    no_vbr_header = b"(?!%b.{%d}%b)" % (EMPTY_SIDE_INFO, id_offset - FRAME_HEADER_BYTES - len(EMPTY_SIDE_INFO), vbr_id)
    frames = [
        re.escape(prefix) + b"[%b]" % fourth_byte + no_vbr_header + b".{%d}" % (length - FRAME_HEADER_BYTES)
        for (prefix, length), fourth_byte in fourth_bytes.items()
    ]
    return re.compile(b"(?:%s){%d}+" % (b"|".join(frames), STRIDE_FRAMES), re.DOTALL)
