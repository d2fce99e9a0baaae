"""The headers of a stretch of frames: those that were looked at once and fit its first frame.

A dictionary from the four bytes of a header to the frame's length is the quick way: whatever is damaged or foreign
misses, and its keys are all the headers that occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import HEADER, NOTHING, VBRI_AT, Header, parse_header, resync_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDE = 32
"""Frames that one match passes over: a third of what looking each of them up costs."""

STRIDE_HEADERS = 256
"""Different headers above which no stride is tried: each new one makes the expression anew."""


class Known:
    """What is known of the frames that begin with this header. `lengths` and `closer` are by a header's bytes.

    `name_at` is where in a frame an encoder's own name stands, if it is another file's first. Fraunhofer's stands
    elsewhere in mono and at half the sample rates, and is not looked for there.
    """

    def __init__(self, first: Header) -> None:
        self.first = first
        self.resync = resync_pattern(first)
        self.lengths: dict[bytes, int] = {}
        self.closer: dict[bytes, int] = {}
        """Frames that are looked at one by one: they keep a CRC of their own, or their names stand elsewhere."""
        self.name_at = HEADER + first.side_information
        self._stride: re.Pattern[bytes] | None = None

    def learn(self, key: bytes) -> Header | None:
        """Looks at a header that is new; None when it does not fit."""
        header = parse_header(key)
        if header is None or header.format != self.first.format:
            return None
        if header.protected or header.side_information != self.first.side_information:
            self.closer[key] = header.length
        else:
            self.lengths[key] = header.length
            self._stride = None
        return header

    def knows(self, key: bytes) -> bool:
        """Whether these are the bytes of a header that fits."""
        return key in self.lengths or key in self.closer

    def stride(self) -> re.Pattern[bytes] | None:
        """Passes over `STRIDE` frames at once; None where there are too many headers, or none."""
        if self._stride is None and 0 < len(self.lengths) <= STRIDE_HEADERS:
            self._stride = _stride_over(self.lengths, self.name_at)
        return self._stride

    def begun(self, rest: bytes) -> int | None:
        """The length of the frame of which only these bytes came: less than a header, but the beginning of one."""
        if not 0 < len(rest) < HEADER:
            return None
        return next((length for key, length in (self.lengths | self.closer).items() if key.startswith(rest)), None)


def _stride_over(lengths: Mapping[bytes, int], name_at: int) -> re.Pattern[bytes]:
    """Matches `STRIDE` frames in a row whose headers are all among these, and none of which is another file's first.

    No two of its branches fit the same bytes.
    """
    kinds: dict[tuple[bytes, int], bytes] = {}
    for key, length in lengths.items():
        kinds[key[:3], length] = kinds.get((key[:3], length), b"") + re.escape(key[3:])
    name = rb"[XIV](?:ing|nfo|BRI)" if name_at == VBRI_AT else rb"[XI](?:ing|nfo)"
    # Frames with sound in them differ from an encoder's own before the name, which is dearer to look at.
    named = b"(?!%b.{%d}%b)" % (NOTHING, name_at - HEADER - len(NOTHING), name)
    frames = [
        re.escape(begin) + b"[%b]" % fourth + named + b".{%d}" % (length - HEADER)
        for (begin, length), fourth in kinds.items()
    ]
    return re.compile(b"(?:%s){%d}+" % (b"|".join(frames), STRIDE), re.DOTALL)
