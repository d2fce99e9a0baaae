"""The headers of a stretch of frames: those that were looked at once and fit its first frame.

A dictionary from the four bytes of a header to the frame's length is the quick way: whatever is damaged or foreign
misses, and its keys are all the headers that occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import (
    EMPTY_SIDE_INFO,
    FRAME_HEADER_BYTES,
    VBRI_OFFSET,
    FrameHeader,
    parse_header,
    resync_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDE_FRAMES = 32
"""Frames that one match passes over: a third of what looking each of them up costs."""

MAX_STRIDE_HEADERS = 256
"""Different headers above which no stride is tried: each new one makes the expression anew."""


class HeaderCache:
    """What is known of the frames that begin with this header. `lengths` and `inspected` are by a header's bytes.

    `id_offset` is where in a frame an encoder's own name stands, if it is another file's first. Fraunhofer's stands
    elsewhere in mono and at half the sample rates, and is not looked for there.
    """

    def __init__(self, first: FrameHeader) -> None:
        self.first = first
        self.sync_pattern = resync_pattern(first)
        self.lengths: dict[bytes, int] = {}
        self.inspected: dict[bytes, int] = {}
        """Frames that are looked at one by one: they keep a CRC of their own, or their names stand elsewhere."""
        self.id_offset = FRAME_HEADER_BYTES + first.side_info_bytes
        self._stride: re.Pattern[bytes] | None = None

    def add(self, key: bytes) -> FrameHeader | None:
        """Looks at a header that is new; None when it does not fit."""
        header = parse_header(key)
        if header is None or header.format != self.first.format:
            return None
        if header.protected or header.side_info_bytes != self.first.side_info_bytes:
            self.inspected[key] = header.length
        else:
            self.lengths[key] = header.length
            self._stride = None
        return header

    def contains(self, key: bytes) -> bool:
        """Whether these are the bytes of a header that fits."""
        return key in self.lengths or key in self.inspected

    def stride_pattern(self) -> re.Pattern[bytes] | None:
        """Passes over `STRIDE_FRAMES` frames at once; None where there are too many headers, or none."""
        if self._stride is None and 0 < len(self.lengths) <= MAX_STRIDE_HEADERS:
            self._stride = _compile_stride(self.lengths, self.id_offset)
        return self._stride

    def partial_frame_length(self, rest: bytes) -> int | None:
        """The length of the frame of which only these bytes came: less than a header, but the beginning of one."""
        if not 0 < len(rest) < FRAME_HEADER_BYTES:
            return None
        return next((length for key, length in (self.lengths | self.inspected).items() if key.startswith(rest)), None)


def _compile_stride(lengths: Mapping[bytes, int], id_offset: int) -> re.Pattern[bytes]:
    """Matches `STRIDE_FRAMES` frames in a row whose headers are all among these, and none of which is another file's first.

    No two of its branches fit the same bytes.
    """
    kinds: dict[tuple[bytes, int], bytes] = {}
    for key, length in lengths.items():
        kinds[key[:3], length] = kinds.get((key[:3], length), b"") + re.escape(key[3:])
    name = rb"[XIV](?:ing|nfo|BRI)" if id_offset == VBRI_OFFSET else rb"[XI](?:ing|nfo)"
    # Frames with sound in them differ from an encoder's own before the name, which is dearer to look at.
    named = b"(?!%b.{%d}%b)" % (EMPTY_SIDE_INFO, id_offset - FRAME_HEADER_BYTES - len(EMPTY_SIDE_INFO), name)
    frames = [
        re.escape(begin) + b"[%b]" % fourth + named + b".{%d}" % (length - FRAME_HEADER_BYTES)
        for (begin, length), fourth in kinds.items()
    ]
    return re.compile(b"(?:%s){%d}+" % (b"|".join(frames), STRIDE_FRAMES), re.DOTALL)
