"""The headers of a stretch of frames: those that were looked at once and fit its first frame.

A dictionary from the four bytes of a header to the frame's length is the quick way: whatever is damaged or foreign
misses, and its keys are all the headers that occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from media_service.media.mpeg import HEADER, Header, parse_header, resync_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

STRIDE = 32
"""Frames that one match passes over: a third of what looking each of them up costs."""

STRIDE_HEADERS = 256
"""Different headers above which no stride is tried: each new one makes the expression anew."""


class Known:
    """What is known of the frames that begin with this header. `lengths` and `guarded` are by a header's bytes."""

    def __init__(self, first: Header) -> None:
        self.first = first
        self.resync = resync_pattern(first)
        self.lengths: dict[bytes, int] = {}
        self.guarded: dict[bytes, Header] = {}
        """Frames that keep a CRC of their own."""
        self._stride: re.Pattern[bytes] | None = None

    def learn(self, key: bytes) -> Header | None:
        """Looks at a header that is new; None when it does not fit."""
        header = parse_header(key)
        if header is None or header.format != self.first.format:
            return None
        if header.protected:
            self.guarded[key] = header
        else:
            self.lengths[key] = header.length
            self._stride = None
        return header

    def stride(self) -> re.Pattern[bytes] | None:
        """Passes over `STRIDE` frames at once; None where there are too many headers, or none."""
        if self._stride is None and 0 < len(self.lengths) <= STRIDE_HEADERS:
            self._stride = _stride_over(self.lengths)
        return self._stride

    def begun(self, rest: bytes) -> int | None:
        """The length of the frame of which only these bytes came: less than a header, but the beginning of one."""
        if not 0 < len(rest) < HEADER:
            return None
        guarded = {key: header.length for key, header in self.guarded.items()}
        return next((length for key, length in (self.lengths | guarded).items() if key.startswith(rest)), None)


def _stride_over(lengths: Mapping[bytes, int]) -> re.Pattern[bytes]:
    """Matches `STRIDE` frames in a row whose headers are all among these. No two of its branches fit the same bytes."""
    kinds: dict[tuple[bytes, int], bytes] = {}
    for key, length in lengths.items():
        kinds[key[:3], length] = kinds.get((key[:3], length), b"") + re.escape(key[3:])
    frames = [re.escape(begin) + b"[%s].{%d}" % (fourth, length - HEADER) for (begin, length), fourth in kinds.items()]
    return re.compile(b"(?:%s){%d}" % (b"|".join(frames), STRIDE), re.DOTALL)
