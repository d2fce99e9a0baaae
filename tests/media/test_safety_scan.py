"""Tags beyond the limits are opaque, faults are reported, and scanning takes linear time."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import Frames, Frames_2_2

from media_service.core.findings import Severities
from media_service.media.tags.read_cost import _DESCRIBED, _LISTS, _NUMBERS, _TEXTS
from media_service.media.tags.safety_scan import MAX_FRAMES, scan_tag
from tests.media.raw_id3 import frame, frame22, syncsafe, tag, unfolding
from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from media_service.media.tags.safety_scan import TagScan

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + b"IHDR" + (600).to_bytes(4) + (400).to_bytes(4) + bytes(500)


def look(content: bytes, sound: int | None = None) -> TagScan:
    return scan_tag(content[:10], content[10:], Severities(), (2 * MIB, 4096), sound)


def cover(picture: bytes, mime: bytes = b"image/png", version: int = 3) -> bytes:
    return tag(frame("APIC", b"\x00" + mime + b"\x00\x03\x00" + picture, version), version)


def chapters(depth: int) -> bytes:
    inner = frame("TIT2", b"\x03x", 4)
    for _ in range(depth):
        inner = frame("CHAP", b"c\x00" + bytes(16) + inner, 4)
    return tag(inner, 4)


OPAQUE = {
    "id3_bomb": tag(unfolding("TIT2", b"\x03", 64 * MIB), 4),
    "tag_value_too_long": tag(frame("TIT2", b"\x03" + bytes(MIB), 4), 4),
    "id3_too_many_frames": tag(b"".join(frame("TXXX", b"\x03k%d\x00v" % n, 4) for n in range(20_000)), 4),
    "id3_malformed": chapters(500),
    "id3_bomb ": tag(frame("CHAP", b"c\x00" + bytes(16) + unfolding("TIT2", b"\x03", 64 * MIB), 4), 4),
    "tag_value_too_long ": tag(b"".join(frame("TXXX", b"\x03%d\x00" % n + bytes(60_000)) for n in range(20))),
    "id3_unsupported": b"ID3\x05\x00\x00" + syncsafe(10) + bytes(10),
    "id3_overlaps_audio": tag(frame("TIT2", b"\x00x") + make_frames(20)),
}


def folded(name: str, content: bytes) -> bytes:
    return frame(name, syncsafe(len(content)) + zlib.compress(content), 4, 0x0009)


COSTLY = {
    "ETCO unfolded": folded("ETCO", bytes(15 * MIB)),
    "EQU2 unfolded": folded("EQU2", bytes(15 * MIB)),
    "SYLT unfolded": folded("SYLT", b"\0eng\1\1\0" + b"\0\0\0\0\1" * (3 * MIB)),
    "TXXX unfolded": folded("TXXX", b"\1" + b"\xff\xfea\0" * 15_000) * 15,
    "PRIV unfolded": folded("PRIV", b"x\0" + bytes(2 * MIB)),
    "ETCO": frame("ETCO", bytes(MIB // 2), 4),
    "EQU2": frame("EQU2", bytes(MIB // 2), 4),
    "many EQU2": frame("EQU2", b"\0x\0" + bytes(900), 4) * 1000,
    "ASPI": frame("ASPI", bytes(9) + b"\xff\xff\x08" + bytes(70_000), 4),
    "SYLT": frame("SYLT", b"\0eng\1\1\0" + b"\0\0\0\0\1" * 12_000, 4),
    "PCNT": frame("PCNT", b"\xff" * 60_000, 4),
    "POPM": frame("POPM", b"x\0\1" + b"\xff" * 60_000, 4),
    "UTF-16 values": frame("TIT2", b"\1\xff\xfe" + b"a\0\0\0" * 15_000, 4),
    "UTF-16 pairs": frame("TIPL", b"\1" + b"\xff\xfea\0\0\0" * 10_000, 4),
    "UTF-16 genres": frame("TCON", b"\2" + b"\0a\0\0" * 15_000, 4),
    "UTF-16 texts": frame("USLT", b"\1eng\xff\xfe\0\0" + b"a\0" * 30_000, 4) * 16,
    "UTF-16 description": frame("APIC", b"\1image/png\0\3\xff\xfe" + b"a\0" * (MIB // 2), 4),
    "misleading end of a description": frame("APIC", b"\1image/png\0\3" + b"\1\0\0\1" * (MIB // 4), 4),
    "description of an object": frame("GEOB", b"\1x\0" + b"a\0\0\0" + b"a\0" * (MIB // 2), 4),
    "values": frame("TPE1", b"\3" + b"a\0" * 30_000, 4),
    "dates": frame("TDRC", b"\3" + b"1," * 30_000, 4),
    "dates of version 2.3 and 2.4": frame("TDRC", b"\3" + b"2024\0" * 12_000, 4),
    "grouping": frame("GRP1", b"\3" + b"a\0" * 30_000, 4),
    "long movement": frame("MVNM", b"\3" + b"a" * MIB, 4),
    "terms of use": frame("USER", b"\1eng" + b"a\0" * MIB, 4),
    "owner": frame("OWNE", b"\1KRW1\0" + b"20240101" + b"a\0" * MIB, 4),
    "frames of nothing in a table of contents": frame("CTOC", b"t\0\1\0" + b"\1" + bytes(9 * 90_000), 4),
    "text behind the children of a table of contents": frame(
        "CTOC", b"t\0\1\2" + b"a" * 20 + b"\0b\0" + frame("EQU2", bytes(MIB // 2), 4), 4
    ),
    "list in a chapter": frame("CHAP", b"c\0" + bytes(16) + frame("EQU2", bytes(MIB // 2), 4), 4),
}
"""Tags of at most 1 MiB that cost mutagen from 0.1 seconds to minutes."""


@pytest.mark.parametrize("kind", COSTLY)
def test_costly_tags_are_opaque(kind: str) -> None:
    content = tag(COSTLY[kind], 4)
    began = time.process_time()
    seen = look(content)
    assert time.process_time() - began < 0.5
    assert seen.opaque, seen
    assert {found.code for found in seen.findings} <= {"tag_value_too_long", "id3_malformed"}


CHEAP = {
    "lyrics of 64 KiB": frame("USLT", b"\3eng\0" + b"words\n" * 10_000, 4),
    "UTF-16 lyrics": frame("USLT", b"\1eng\xff\xfe\0\0\xff\xfe" + "가사\n".encode("utf-16-le") * 10_000, 4),
    "synchronised lyrics": frame("SYLT", b"\3eng\2\1\0" + b"line\0\0\0\0\1" * 3_000, 4),
    "a large picture with a description in UTF-16": frame(
        "APIC", b"\1image/png\0\3\xff\xfea\0\0\0" + PNG + bytes(MIB), 4
    ),
    "an unfolded picture": folded("APIC", b"\0image/png\0\3\0" + PNG + bytes(MIB + MIB // 2)),
    "a large object": frame("GEOB", b"\1x\0\xff\xfea\0\0\0\xff\xfe\0\0" + b"\1" * 4 * MIB, 4),
    "private bytes": frame("PRIV", b"x\0" + bytes(4 * MIB), 4),
    "events": frame("ETCO", b"\2" + b"\1\0\0\0\1" * 5_000, 4),
    "500 chapters": b"".join(
        frame("CHAP", b"c%d\0" % n + bytes(16) + frame("TIT2", b"\1\xff\xfe" + b"a\0" * 60, 4), 4) for n in range(490)
    ),
    "a table of contents": frame("CTOC", b"t\0\3\2a\0b\0" + frame("TIT2", b"\3x", 4), 4),
}


@pytest.mark.parametrize("kind", CHEAP)
def test_tags_written_by_programs_are_not_opaque(kind: str) -> None:
    seen = look(tag(CHEAP[kind], 4))
    assert (seen.opaque, seen.findings) == (False, [])


def test_every_frame_that_mutagen_parses_has_a_cost() -> None:
    """Each frame that mutagen knows is bounded, or binary and only copied."""
    bounded = (*_TEXTS, *_LISTS, *_NUMBERS, *_DESCRIBED)
    copied = {b"AENC", b"CHAP", b"CRA", b"CRM", b"CTOC", b"ENCR", b"GRID", b"LINK", b"LNK", b"MCDI", b"MCI"}
    copied |= {b"MLL", b"MLLT", b"PRIV", b"SIGN", b"STC", b"SYTC", b"UFI", b"UFID"}
    known = {name.encode() for name in (*Frames, *Frames_2_2)}
    assert {name for name in known if not name.startswith(bounded)} == copied


@pytest.mark.parametrize("code", OPAQUE)
def test_tag_beyond_a_limit_is_opaque(code: str) -> None:
    began = time.process_time()
    seen = look(OPAQUE[code])
    assert time.process_time() - began < 1
    assert (seen.opaque, [found.code for found in seen.findings]) == (True, [code.strip()])


@pytest.mark.parametrize(
    "good",
    [
        tag(frame("TIT2", b"\x00Title") + frame("COMM", b"\x00eng\x00words"), padding=100),
        tag(frame22("TT2", b"\x00Title") + frame22("TP1", b"\x00Kim"), 2, padding=9),
        tag(frame("APIC", b"\x00image/png\x00\x03\x00" + PNG, 4, plain_size=True), 4),
        tag(frame("TIT2", syncsafe(6) + zlib.compress(b"\x03Title"), 4, 0x0009), 4),
        tag((6).to_bytes(4) + bytes(6) + frame("TIT2", b"\x00Title"), flags=0x40),
        tag(b"".join(frame("TXXX", b"\x03k%d\x00v" % number, 4) for number in range(MAX_FRAMES)), 4),
        tag(frame("XYZ9", b"nobody knows me") + frame("PRIV", b"x\x00" + bytes(200_000))),
        chapters(2),
    ],
)
def test_valid_tag_is_not_opaque(good: bytes) -> None:
    seen = look(good)
    assert (seen.opaque, seen.findings) == (False, [])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (cover(PNG), None),
        (cover(PNG, b"PNG"), None),
        (cover(b"\xff\xd8\xff\xe0" + bytes(90), b"image/jpg"), None),
        (cover(PNG, b"image/jpeg"), "cover_mime_mismatch"),
        (cover(b"<svg xmlns='x'/>", b"image/svg+xml"), "cover_not_image"),
        (cover(b"http://example.com/a.png", b"-->"), "cover_not_image"),
        (cover(PNG + bytes(2 * MIB)), "cover_too_large"),
        (cover(PNG[:16] + (5000).to_bytes(4) + PNG[20:]), "cover_too_large"),
    ],
)
def test_covers_are_judged_by_their_bytes(content: bytes, code: str | None) -> None:
    seen = look(content)
    assert [found.code for found in seen.findings] == ([code] if code else [])
    assert not seen.opaque


@pytest.mark.parametrize("covered", [200, 417, 2000])
def test_tag_overlapping_the_first_frames_is_detected(covered: int) -> None:
    body, sound = frame("TIT2", b"\x00x"), make_frames(20)
    lying = tag(body + sound[:covered])
    first_seen = len(lying) + -covered % 417
    assert [found.code for found in look(lying, first_seen).findings] == ["id3_overlaps_audio"]


@given(st.binary(max_size=3000), st.sampled_from([2, 3, 4]), st.integers(0, 255))
def test_any_bytes_are_scanned_without_error(body: bytes, version: int, flags: int) -> None:
    look(tag(body, version, flags))
    look(tag(frame("APIC", body) + frame("CHAP", body) + frame("TIT2", body, flags=flags), version))
