"""A tag is looked at with bounds: what is too much is opaque, what is wrong is told, and nothing takes long."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.verdict import Policy
from media_service.media.prescan import FRAMES, scan
from tests.media.raw_tags import frame, frame22, syncsafe, tag, unfolding
from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from media_service.media.prescan import Scan

MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + b"IHDR" + (600).to_bytes(4) + (400).to_bytes(4) + bytes(500)


def look(content: bytes, sound: int | None = None) -> Scan:
    return scan(content[:10], content[10:], Policy(), (2 * MIB, 4096), sound)


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


@pytest.mark.parametrize("code", OPAQUE)
def test_what_is_too_much_is_opaque_at_once(code: str) -> None:
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
        tag(b"".join(frame("TXXX", b"\x03k%d\x00v" % number, 4) for number in range(FRAMES)), 4),
        tag(frame("XYZ9", b"nobody knows me") + frame("PRIV", b"x\x00" + bytes(200_000))),
        chapters(2),
    ],
)
def test_a_good_tag_is_read(good: bytes) -> None:
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
def test_covers_are_what_their_bytes_are(content: bytes, code: str | None) -> None:
    seen = look(content)
    assert [found.code for found in seen.findings] == ([code] if code else [])
    assert not seen.opaque


@pytest.mark.parametrize("covered", [200, 417, 2000])
def test_a_tag_that_covers_the_first_frames_is_told_however_few(covered: int) -> None:
    body, sound = frame("TIT2", b"\x00x"), make_frames(20)
    lying = tag(body + sound[:covered])
    first_seen = len(lying) + -covered % 417
    assert [found.code for found in look(lying, first_seen).findings] == ["id3_overlaps_audio"]


@given(st.binary(max_size=3000), st.sampled_from([2, 3, 4]), st.integers(0, 255))
def test_any_bytes_are_looked_at_without_failing(body: bytes, version: int, flags: int) -> None:
    look(tag(body, version, flags))
    look(tag(frame("APIC", body) + frame("CHAP", body) + frame("TIT2", body, flags=flags), version))
