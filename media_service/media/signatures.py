"""What stands around MPEG audio: tags by their sizes, and foreign containers by their first bytes.

Pure functions of bytes. Nothing a file says of itself is trusted here: sizes are measured, not followed.
"""

from __future__ import annotations

import re

TAG_LOOK = 32
"""Bytes that tell a tag and its size."""

ID3V1 = 128
"""Bytes of an ID3v1 tag."""


def syncsafe(field: bytes) -> int:
    """A number of seven bits a byte."""
    value = 0
    for byte in field:
        value = value << 7 | byte & 0x7F
    return value


def tag_at(buffer: bytes, at: int) -> tuple[str, int] | None:
    """The kind of the tag that begins here, and the bytes it says it has; None where none does."""
    head = buffer[at : at + TAG_LOOK]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80 and 0xFF not in head[3:5]:
        return "id3v2", 10 + syncsafe(head[6:10]) + (10 if head[3] == 4 and head[5] & 0x10 else 0)
    if head[:4] == b"TAG+":
        return "id3v1+", 227
    if head[:3] == b"TAG":
        return "id3v1", 128
    if head[:8] == b"APETAGEX" and len(head) == TAG_LOOK:
        size = int.from_bytes(head[12:16], "little")
        is_header = head[23] & 0x20
        return "ape", 32 + (size if is_header else 0)
    if head[:11] == b"LYRICSBEGIN":
        end = buffer.find(b"LYRICSEND", at, at + 65_536)
        newer = buffer.find(b"LYRICS200", at, at + 65_536)
        found = min((place for place in (end, newer) if place >= 0), default=-1)
        return ("lyrics3", found + 9 - at) if found >= 0 else None
    return None


def ape_size(footer: bytes) -> int:
    """Bytes of the APE tag that this footer ends, itself included, a header in front not; 0 where it is none."""
    return int.from_bytes(footer[12:16], "little") if footer.startswith(b"APETAGEX") and len(footer) == 32 else 0


def peel_tags(buffer: bytes, start: int) -> tuple[int, list[tuple[str, int, int]]]:
    """Where the tags at the buffer's end begin, not before `start`, and each of them as (kind, start, stop)."""
    stop = len(buffer)
    found: list[tuple[str, int, int]] = []
    while True:
        size = _tag_before(buffer, start, stop)
        if size is None:
            return stop, found[::-1]
        kind, length = size
        found.append((kind, stop - length, stop))
        stop -= length


def _tag_before(buffer: bytes, start: int, stop: int) -> tuple[str, int] | None:
    room = stop - start
    if room >= 128 and buffer[stop - 128 : stop - 125] == b"TAG" and buffer[stop - 125 : stop - 124] != b"+":
        return "id3v1", 128
    if room >= 227 and buffer[stop - 227 : stop - 223] == b"TAG+":
        return "id3v1+", 227
    if room >= 32 and buffer[stop - 32 : stop - 24] == b"APETAGEX":
        length = ape_size(buffer[stop - 32 : stop])
        # Whether there is a header is seen, not believed: some writers set the flag without writing one.
        if buffer[max(start, stop - length - 32) : stop - length].startswith(b"APETAGEX"):
            length += 32
        return ("ape", length) if 32 <= length <= room else None
    if room >= 20 and buffer[stop - 9 : stop] in (b"LYRICS200", b"LYRICSEND"):
        begin = buffer.rfind(b"LYRICSBEGIN", start, stop)
        return ("lyrics3", stop - begin) if begin >= 0 else None
    if room >= 20 and buffer[stop - 10 : stop - 7] == b"3DI" and max(buffer[stop - 4 : stop]) < 0x80:
        length = 20 + syncsafe(buffer[stop - 4 : stop])
        return ("id3v2", length) if length <= room else None
    return None


_CONTAINERS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"Rar!\x1a\7", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"%PDF", "pdf"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"FLV\1", "flv"),
    (b"MThd", "midi"),
    (b"DSD ", "dsd"),
    (b"MAC ", "monkeys audio"),
    (b"wvpk", "wavpack"),
    (b"MPCK", "musepack"),
    (b"MP+", "musepack"),
    (b"TTA1", "true audio"),
    (b"OFR ", "optimfrog"),
    (b"ADIF", "aac"),
    (b".snd", "au"),
    (b".RMF", "realmedia"),
    (b".ra\xfd", "realaudio"),
    (b"\x7f\xfe\x80\x01", "dts"),
    (b"#EXTM3U", "playlist"),
    (b"[playlist]", "playlist"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"\x7fELF", "elf"),
    (b"MZ", "exe"),
    (b"\x00\x00\x01\xba", "mpeg program stream"),
    (b"\x0b\x77", "ac3"),
    (b"#!AMR", "amr"),
    (b"caff", "caf"),
    (b"SQLite format 3\0", "sqlite"),
)
_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|svg|script|rss)", re.IGNORECASE)


def container_of(head: bytes) -> str | None:
    """The foreign thing that begins with these bytes, by its common name; None for what is not known."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return {b"WAVE": "wav", b"AVI ": "avi", b"WEBP": "webp"}.get(head[8:12], "riff")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") and head[:1] in (b"\0", b"\1"):
        return "mp4"
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:
        return "aac"
    if _MARKUP.match(head):
        return "html"
    return next((name for magic, name in _CONTAINERS if head.startswith(magic)), None)
