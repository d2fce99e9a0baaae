"""MPEG streams of every sample rate, with Xing and LAME headers, APE, Lyrics3 and ID3v1 tags."""

from __future__ import annotations

import random
import struct
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RATES = {
    44_100: (3, 0),
    48_000: (3, 1),
    32_000: (3, 2),
    22_050: (2, 0),
    24_000: (2, 1),
    16_000: (2, 2),
    11_025: (0, 0),
    12_000: (0, 1),
    8_000: (0, 2),
}
KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def crc(piece: bytes, value: int, polynomial: int, *, reflected: bool) -> int:
    """Return a CRC of 16 bits."""
    table = _crc_table(polynomial, reflected=reflected)
    for byte in piece:
        value = value >> 8 ^ table[(value ^ byte) & 255] if reflected else value << 8 & 65535 ^ table[value >> 8 ^ byte]
    return value


@cache
def _crc_table(polynomial: int, *, reflected: bool) -> list[int]:
    """Return the CRC's table."""
    return [_crc_of_byte(byte, polynomial, reflected=reflected) for byte in range(256)]


def _crc_of_byte(byte: int, polynomial: int, *, reflected: bool) -> int:
    value = byte if reflected else byte << 8
    for _ in range(8):
        if reflected:
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        else:
            value = (value << 1 ^ (polynomial if value & 0x8000 else 0)) & 0xFFFF
    return value


def music_crc(piece: bytes) -> int:
    """Return LAME's CRC of the music."""
    return crc(piece, 0, 0xA001, reflected=True)


class Stream:
    """Silent frames of one format, each different."""

    def __init__(
        self, rate: int = 44_100, kbits: int = 64, *, mono: bool = False, protected: bool = False, seed: int = 1
    ) -> None:
        self.rate, self.kbits, self.mono, self.protected = rate, kbits, mono, protected
        self.version, self._rate_index = RATES[rate]
        self.samples = 1152 if self.version == 3 else 576
        self.side = (17 if mono else 32) if self.version == 3 else (9 if mono else 17)
        self._source = random.Random(seed)

    def frame(self, kbits: int = 0, content: bytes = b"", *, protected: bool | None = None) -> bytes:
        """Return one frame; `content` begins after the side information."""
        kbits, protected = kbits or self.kbits, self.protected if protected is None else protected
        size = self.samples // 8 * kbits * 1000 // self.rate
        index = KBITS[3 if self.version == 3 else 2].index(kbits)
        head = bytes(
            [
                0xFF,
                0xE0 | self.version << 3 | 2 | (not protected),
                index << 4 | self._rate_index << 2,
                0xC0 if self.mono else 0,
            ]
        )
        if protected:
            checked = head[2:] + bytes(self.side)
            head += crc(checked, 0xFFFF, 0x8005, reflected=False).to_bytes(2)
        head += bytes(self.side)
        rest = content or self._source.randbytes(size - len(head)).replace(b"\xff", b"\xfe")
        return (head + rest).ljust(size, b"\0")[:size]

    def frames(self, count: int) -> list[bytes]:
        """Return frames of the stream's bitrate."""
        return [self.frame() for _ in range(count)]

    def changing(self, count: int) -> list[bytes]:
        """Return frames of several bitrates."""
        return [self.frame((32, 64, 128)[number % 3]) for number in range(count)]

    def with_header(self, frames: list[bytes], count: int | None = None, kind: bytes = b"Info") -> bytes:
        """Return the frames after LAME's Info or Xing header, which is correct unless another count is given."""
        music = b"".join(frames)
        return self.first(len(frames) if count is None else count, len(music), music_crc(music), kind) + music

    def first(self, count: int, size: int, checksum: int, kind: bytes = b"Info") -> bytes:
        """Return the encoder's header frame for frames of this count, size and CRC."""
        kbits = 128 if self.version == 3 else 64
        length = len(self.frame(kbits, b"x", protected=False))
        counts = struct.pack(">III", 0xF, count, length + size)
        xing = kind + counts + bytes(100) + struct.pack(">I", 57)
        lame = b"LAME3.100" + bytes([1, 190]) + bytes(8) + bytes([0, 128]) + bytes([36, 0, 0]) + bytes(4)
        proof = struct.pack(">IH", length + size, checksum)
        first = self.frame(kbits, xing + lame + proof, protected=False)
        at = 4 + self.side + len(xing) + len(lame) + len(proof)
        return first[:at] + struct.pack(">H", music_crc(first[:at])) + first[at + 2 :]


def ape_tag(picture: bytes = b"") -> bytes:
    """Return an APEv2 tag with header and footer: a title, and a picture if one is given."""
    cover = {"Cover Art (Front)": picture} if picture else {}
    return ape_tag_of({"Title": "Title", **cover})


def ape_tag_of(items: Mapping[str, str | bytes]) -> bytes:
    """Return an APEv2 tag with header, footer, and these texts and binaries."""
    body = b""
    for key, value in items.items():
        content, flags = (value.encode(), 0) if isinstance(value, str) else (value, 2)
        body += struct.pack("<II", len(content), flags) + key.encode() + b"\0" + content
    size = struct.pack("<III", 2000, len(body) + 32, len(items))
    return b"APETAGEX" + size + b"\0\0\0\xa0" + bytes(8) + body + b"APETAGEX" + size + b"\0\0\0\x80" + bytes(8)


def lyrics_tag() -> bytes:
    """Return a Lyrics3v2 tag."""
    body = b"LYRICSBEGININD0000200LYR00005words"
    return body + b"%06d" % len(body) + b"LYRICS200"


ID3V1 = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b"\0") + bytes(65)
