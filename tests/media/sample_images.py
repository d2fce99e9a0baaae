"""Images that every program shows."""

from __future__ import annotations

import random
import zlib


def png(width: int, height: int, seed: int = 6) -> bytes:
    """Return an image of noise: its compressed data has bytes of every value."""
    source = random.Random(seed)
    rows = b"".join(b"\0" + source.randbytes(3 * width) for _ in range(height))
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, content) for name, content in parts)


def _part(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)
