"""What travels on a line: plain values in frames, each behind its length.

Both ends are one interpreter of one release, so its own format for values serves: None, numbers, strings, bytes, and
tuples, lists and dicts of these.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 4
"""Bytes of the length before a frame, little-endian."""

NOTIFICATION_ID = 0
"""The number of what is only told."""


def encode_frame(value: Any) -> bytes:
    """The value as a frame."""
    packed = marshal.dumps(value)
    return len(packed).to_bytes(LENGTH, "little") + packed


class FrameDecoder:
    """Puts frames together from what a stream brings."""

    def __init__(self) -> None:
        self._gathered = bytearray()

    def feed(self, received: bytes) -> Iterator[Any]:
        """The values whose frames are complete with these bytes."""
        self._gathered += received
        while len(self._gathered) >= LENGTH:
            end = LENGTH + int.from_bytes(self._gathered[:LENGTH], "little")
            if len(self._gathered) < end:
                return
            packed = bytes(self._gathered[LENGTH:end])
            del self._gathered[:end]
            yield marshal.loads(packed)  # noqa: S302  # the other end is our own process
