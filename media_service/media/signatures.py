"""Detect tags and foreign containers by their signatures. Declared sizes are compared with the bytes there are."""

from __future__ import annotations

import re

TAG_PROBE_BYTES = 32
"""Bytes needed to detect a leading tag and read its size."""

ID3V1_BYTES = 128
"""Size of an ID3v1 tag."""


def decode_syncsafe(field: bytes) -> int:
    """Decode a syncsafe integer: seven bits of each byte (ID3v2.4 structure, section 6.2)."""
    value = 0
    for byte in field:
        value = value << 7 | byte & 0x7F
    return value


def detect_tag(buffer: bytes, offset: int) -> tuple[str, int] | None:
    """Return kind and declared bytes of the tag that begins at `offset`; None if there is none."""
    head = buffer[offset : offset + TAG_PROBE_BYTES]
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 0x80 and 0xFF not in head[3:5]:
        return "id3v2", 10 + decode_syncsafe(head[6:10]) + (10 if head[3] == 4 and head[5] & 0x10 else 0)
    if head[:4] == b"TAG+":
        return "id3v1+", 227
    if head[:3] == b"TAG":
        return "id3v1", 128
    if head[:8] == b"APETAGEX" and len(head) == TAG_PROBE_BYTES:
        size = int.from_bytes(head[12:16], "little")
        is_header = head[23] & 0x20
        return "ape", 32 + (size if is_header else 0)
    if head[:11] == b"LYRICSBEGIN":
        end = buffer.find(b"LYRICSEND", offset, offset + 65_536)
        newer = buffer.find(b"LYRICS200", offset, offset + 65_536)
        stop = min((index for index in (end, newer) if index >= 0), default=-1)
        return ("lyrics3", stop + 9 - offset) if stop >= 0 else None
    return None


def ape_tag_bytes(footer: bytes) -> int:
    """Return the bytes of the APE tag that ends with this footer, without a header; 0 if it is not an APE footer."""
    return int.from_bytes(footer[12:16], "little") if footer.startswith(b"APETAGEX") and len(footer) == 32 else 0


def find_trailing_tags(buffer: bytes, start: int) -> tuple[int, list[tuple[str, int, int]]]:
    """Return where the trailing tags begin, at `start` or later, and each tag as (kind, start, stop)."""
    stop = len(buffer)
    tags: list[tuple[str, int, int]] = []
    while True:
        tag = _tag_ending_at(buffer, start, stop)
        if tag is None:
            return stop, tags[::-1]
        kind, length = tag
        tags.append((kind, stop - length, stop))
        stop -= length


def _tag_ending_at(buffer: bytes, start: int, stop: int) -> tuple[str, int] | None:
    available = stop - start
    if available >= 128 and buffer[stop - 128 : stop - 125] == b"TAG" and buffer[stop - 125 : stop - 124] != b"+":
        return "id3v1", 128
    if available >= 227 and buffer[stop - 227 : stop - 223] == b"TAG+":
        return "id3v1+", 227
    if available >= 32 and buffer[stop - 32 : stop - 24] == b"APETAGEX":
        length = ape_tag_bytes(buffer[stop - 32 : stop])
        # The header flag is not trusted: some writers set it without writing a header.
        if buffer[max(start, stop - length - 32) : stop - length].startswith(b"APETAGEX"):
            length += 32
        return ("ape", length) if 32 <= length <= available else None
    if available >= 20 and buffer[stop - 9 : stop] in (b"LYRICS200", b"LYRICSEND"):
        begin = buffer.rfind(b"LYRICSBEGIN", start, stop)
        return ("lyrics3", stop - begin) if begin >= 0 else None
    if available >= 20 and buffer[stop - 10 : stop - 7] == b"3DI" and max(buffer[stop - 4 : stop]) < 0x80:
        length = 20 + decode_syncsafe(buffer[stop - 4 : stop])
        return ("id3v2", length) if length <= available else None
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


def detect_container(head: bytes) -> str | None:
    """Return the common name of the foreign format that begins with these bytes; None if it is unknown."""
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
