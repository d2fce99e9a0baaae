"""Small valid pictures, and malformed ones."""

from __future__ import annotations

import base64
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCD"
    "g4NwcHBoaHBwfHyDg4+Tj4eHg4eTk5ubm7q6srLZ2eD/////xABKAAEAAAAAAAAAAAAAAAAAAAAAAQEAAAAAAAAAAAAAAAAA"
    "AAAAEAEAAAAAAAAAAAAAAAAAAAAAEQEAAAAAAAAAAAAAAAAAAAAA/8AAEQgADAAQAwEiAAIRAAMRAP/aAAwDAQACEQMRAD8A"
    "AA//2Q=="
)
"""16 by 12 pixels, grey."""

WEBP = base64.b64decode("UklGRjwAAABXRUJQVlA4IDAAAADQAQCdASoQAAwAAgA0JaACdLoB+AADsAD+8Oj3/yC5YXXI1/8gP+QH/ID/+PIAAAA=")
"""16 by 12 pixels, red."""

MOVING_WEBP = base64.b64decode(
    "UklGRnYCAABXRUJQVlA4WAoAAAACAAAADwAACwAAQU5JTQYAAAD/////AQBBTk1G5AAAAAAAAAAAAA8AAAsAACgAAAJWUDgg"
    "zAAAAFADAJ0BKhAADAACADQlsAJ0civ7ZnuAdJF5LTvABVCFwExoAP75Z5j37lD/OI8u3B5/+CMF/79BmL/jE7b6X5vNm1KP"
    "z7R6P7ijqNofu1K1Dn3P/95tnFaP9TH//wmRG/ibkf5R/8arL46IF3ctvo+i428lRPV/JwyktMP/okdH/zmPrWT+QwX//f4G"
    "keZSa0dj/8Kt1wwJD7gvmbRifOu6/+9FRldX5Ev/O07K4/+I6P+h6g6+1pI9Q/fv9M/EpDfH/++EBX+02yRAAEFOTUasAAAA"
    "AAAABAAADwAAAgAAKAAAAFZQOCCUAAAAVAMAnQEqEAADAAAANCWwAnRwAFaAdABps37AdaqDUYViK4AA/QPpxma7JzLIp2fO"
    "zRWYtU3brFep/nNcOrgfALTkpauG5Pt5nJ0YmQMTJmOq//O/57v/xVv5mdG8bf/M3/J3+77lGXt27f/5p4Rky75vjfz8t/yY"
    "blv4ekHZ8jqfSp6H/DH+UP1nb9q997ZtrgAAAEFOTUaqAAAAAAAABAAADwAAAgAAKAAAAFZQOCCSAAAA1AMAnQEqEAADAAAA"
    "NCWwAnS6AUQD6AK0A6ADTZv2A61UG71sgxjAAP0D6cZnf0YA3KrNyenINhCuwInR+Hec1w6uB8AtOSlq4d7pjb8zGkUhPquX"
    "/zv57t/xVv5mdG8bfxG23+77lGXt27f+aX78y75vYiz8u6xyTJn4ekHZ8g5fsKa/hj/KH6yvppm8VPlKAAA="
)
"""16 by 12 pixels, three frames."""

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><script>alert(document.cookie)</script></html>"
SCRIPT_GIF = b"GIF89a/*" + bytes(4) + b"*/=1;alert(document.cookie)//"
"""Begins like a GIF, and is a script to a browser that sniffs content."""


def png(width: int = 8, height: int = 8, *, moves: bool = False) -> bytes:
    """Return a black PNG of one bit per pixel."""
    rows = (b"\0" + bytes((width + 7) // 8)) * height
    header = width.to_bytes(4) + height.to_bytes(4) + b"\1\0\0\0\0"
    control = _chunk(b"acTL", bytes(8)) if moves else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + control
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def gif(width: int = 8, height: int = 8, frames: int = 1, comment: bytes = b"") -> bytes:
    """Return a GIF of one colour, with `comment` inside."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    said = b"!\xfe" + bytes([len(comment)]) + comment + b"\0" if comment else b""
    frame = b",\0\0\0\0" + size + b"\0\2\2L\1\0"
    return b"GIF89a" + size + b"\x80\0\0" + bytes(3) + b"\xff" * 3 + said + frame * frames + b";"


def padded_jpeg(size: int) -> bytes:
    """Return the JPEG, padded with comments to `size` bytes."""
    comments, left = b"", size - len(JPEG)
    while left > 0:
        piece = min(left, 60_000) if left - min(left, 60_000) >= 4 or left <= 60_000 else left - 4
        comments += b"\xff\xfe" + (piece - 2).to_bytes(2) + bytes(piece - 4)
        left -= piece
    return JPEG[:2] + comments + JPEG[2:]
