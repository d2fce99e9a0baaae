"""Pictures are what their own bytes say, and whole, or they say what is wrong."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.cover import Picture
from media_service.media.images import CUT, MOVES, SIZELESS, look_at, picture_size, picture_type
from tests.conftest import missing
from tests.support.pictures import HTML, JPEG, MOVING_WEBP, SCRIPT_GIF, SVG, WEBP, gif, padded_jpeg, png

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = {"jpeg": JPEG, "webp": WEBP, "png": png(16, 12), "gif": gif(16, 12)}
MAGIC = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP", b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0"]


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_pictures_have_their_kind_and_size(kind: str) -> None:
    assert look_at(WHOLE[kind]) == Picture(f"image/{kind}", 16, 12)
    assert picture_size(WHOLE[kind]) == (16, 12)


@pytest.mark.parametrize("kind", WHOLE)
def test_pictures_cut_anywhere_are_not_whole(kind: str) -> None:
    whole = WHOLE[kind]
    for size in range(12, len(whole)):
        seen = look_at(whole[:size])
        assert seen is not None
        assert seen.fault == CUT


@pytest.mark.parametrize("size", [300, 60_221, 60_223, 200_000, 3 * 2**20])
def test_a_jpeg_with_long_comments_is_whole(size: int) -> None:
    picture = padded_jpeg(size)
    assert len(picture) == size
    assert look_at(picture) == Picture("image/jpeg", 16, 12)


@pytest.mark.parametrize("picture", [MOVING_WEBP, gif(frames=2), png(moves=True)])
def test_moving_pictures_are_told(picture: bytes) -> None:
    seen = look_at(picture)
    assert seen is not None
    assert seen.fault == MOVES


@pytest.mark.parametrize("program", ["jpg", "webp", "png", "gif"])
def test_what_a_program_wrote_is_whole(program: str, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    path = tmp_path / f"cover.{program}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=1400x1400", "-frames:v", "1", str(path)]
    subprocess.run(command, check=True)
    seen = look_at(path.read_bytes())
    assert seen is not None
    assert (seen.width, seen.height, seen.fault) == (1400, 1400, None)


def test_the_largest_size_counts() -> None:
    lying = gif(9, 9)
    assert look_at(lying[:6] + b"\1\0\1\0" + lying[10:]) == Picture("image/gif", 9, 9)
    two_frames = JPEG[:2] + b"\xff\xc0\0\x0b\x08" + (9000).to_bytes(2) * 2 + b"\1\1\x11\0" + JPEG[2:]
    assert look_at(two_frames) == Picture("image/jpeg", 9000, 9000)


def test_a_picture_without_a_size_or_without_pixels_is_at_fault() -> None:
    assert look_at(png(0, 5)) == Picture("image/png", 0, 5, SIZELESS)
    assert look_at(JPEG[:2] + b"\xff\xd9") == Picture("image/jpeg", 0, 0, CUT)
    assert look_at(gif(frames=0)) == Picture("image/gif", 8, 8, CUT)


def test_a_damaged_png_is_told_by_its_checksums() -> None:
    whole = png(16, 12)
    for at in range(12, len(whole), 5):
        seen = look_at(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert seen is not None
        assert seen.fault is not None


@pytest.mark.parametrize(
    "other", [b"", SVG, HTML, b"BM" + bytes(60), b"\0\0\0\x1cftypavif", b"RIFF\0\0\0\0WAVE", b"%PDF"]
)
def test_what_is_no_picture_that_is_shown_is_none(other: bytes) -> None:
    assert (picture_type(other), look_at(other), picture_size(other)) == (None, None, None)


def test_a_program_that_begins_as_a_picture_is_no_whole_one() -> None:
    seen = look_at(SCRIPT_GIF)
    assert seen is not None
    assert seen.fault == CUT


@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_any_bytes_end_in_an_answer(magic: bytes, rest: bytes) -> None:
    seen = look_at(magic + rest)
    assert seen is not None
    assert picture_size(magic + rest) is None or seen.width >= 0


@pytest.mark.parametrize(
    "filling",
    [b"\xff", b"\xff\xd8", b"\xff\xfe\0\2", b"!\xfe\0", b"\1a", b"\0\0\0\0abcd\x2c\xdb\xf8\xa8", b"ABCD\0\0\0\0"],
)
@pytest.mark.parametrize("magic", MAGIC)
def test_the_smallest_pieces_come_to_an_end(magic: bytes, filling: bytes) -> None:
    assert look_at(magic + filling * (2**18 // len(filling))) is not None
