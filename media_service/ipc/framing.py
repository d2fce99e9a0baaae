"""Length-prefixed frames of plain Python values.

Both ends run the same interpreter, so `marshal` encodes values: None, numbers, strings, bytes, tuples, lists, dicts.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX_BYTES = 4
"""Bytes of the length before each frame, little-endian."""

NOTIFICATION_ID = 0
"""Request id of a notification: a message without a response."""


def encode_frame(value: Any) -> bytes:
    """Return the value as one frame. Raise ValueError if it is not a plain value."""
    payload = marshal.dumps(value)
    return len(payload).to_bytes(PREFIX_BYTES, "little") + payload


class FrameDecoder:
    """Split a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[Any]:
        """Yield the values whose frames are complete with these bytes."""
        self._buffer += received
        while len(self._buffer) >= PREFIX_BYTES:
            end = PREFIX_BYTES + int.from_bytes(self._buffer[:PREFIX_BYTES], "little")
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[PREFIX_BYTES:end])
            del self._buffer[:end]
            yield marshal.loads(payload)  # noqa: S302  # the other end is our own process
