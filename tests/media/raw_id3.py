"""ID3v2 tags built byte by byte, without mutagen."""

from __future__ import annotations

import zlib
from functools import cache

HEADER = 10


def syncsafe(size: int) -> bytes:
    """Encode a syncsafe integer."""
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def frame(name: str, content: bytes, version: int = 3, flags: int = 0, *, plain_size: bool = False) -> bytes:
    """Return a frame of a 2.3 or 2.4 tag; `plain_size` as iTunes wrote it into 2.4."""
    size = len(content).to_bytes(4) if version == 3 or plain_size else syncsafe(len(content))
    return name.encode() + size + flags.to_bytes(2) + content


def frame22(name: str, content: bytes) -> bytes:
    """Return a frame of a 2.2 tag."""
    return name.encode() + len(content).to_bytes(3) + content


def tag(body: bytes, version: int = 3, flags: int = 0, padding: int = 0) -> bytes:
    """Return a tag of this body."""
    body += bytes(padding)
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


@cache
def unfolding(name: str, start: bytes, size: int) -> bytes:
    """Return a compressed 2.4 frame with a data length indicator: `start`, then `size` NULs."""
    folder = zlib.compressobj(1)
    block = bytes(1 << 20)
    folded = [folder.compress(start), *(folder.compress(block) for _ in range(size >> 20)), folder.flush()]
    return frame(name, syncsafe(min(size, 2**28 - 1)) + b"".join(folded), 4, 0x0009)


def unsynchronised(content: bytes) -> bytes:
    """Apply the unsynchronisation scheme."""
    out = bytearray()
    for at, byte in enumerate(content):
        out.append(byte)
        following = content[at + 1] if at + 1 < len(content) else 0
        if byte == 0xFF and (following >= 0xE0 or following == 0):
            out.append(0)
    return bytes(out)


def frames_of(head: bytes) -> list[tuple[str, bytes]]:
    """Return id and bytes of every frame of a tag that we wrote."""
    version, at, found = head[3], HEADER, []
    while at < len(head) and head[at]:
        field = head[at + 4 : at + 8]
        size = (
            int.from_bytes(field) if version == 3 else sum(b << s for b, s in zip(field, (21, 14, 7, 0), strict=True))
        )
        found.append((head[at : at + 4].decode(), head[at : at + HEADER + size]))
        at += HEADER + size
    assert not any(head[at:]), "padding is zeros"
    return found
