"""The two CRC-16 of MPEG audio files: LAME's (CRC-16/ARC), and that of a protected frame."""

from __future__ import annotations


def _arc_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def _frame_entry(value: int) -> int:
    value <<= 8
    for _ in range(8):
        value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value


_ARC_TABLE = tuple(map(_arc_entry, range(256)))
_FRAME_TABLE = tuple(map(_frame_entry, range(256)))


def crc16_arc(piece: bytes, crc: int = 0) -> int:
    """CRC-16/ARC, which LAME keeps of its header and of the music."""
    table = _ARC_TABLE
    for byte in piece:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


def frame_crc(piece: bytes) -> int:
    """The CRC of a protected frame, of its header's last two bytes and its side information."""
    crc, table = 0xFFFF, _FRAME_TABLE
    for byte in piece:
        crc = (crc << 8 & 0xFF00) ^ table[crc >> 8 ^ byte]
    return crc
