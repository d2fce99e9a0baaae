"""Type, size and completeness of images come from their own bytes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.cover import Picture
from media_service.media.images import ANIMATED, NO_SIZE, TRUNCATED, image_size, image_type, inspect_image
from tests.conftest import missing
from tests.support.pictures import HTML, JPEG, MOVING_WEBP, SCRIPT_GIF, SVG, WEBP, gif, padded_jpeg, png

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = {"jpeg": JPEG, "webp": WEBP, "png": png(16, 12), "gif": gif(16, 12)}
MAGIC = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP", b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0"]


@pytest.mark.parametrize("kind", WHOLE)
def test_complete_images_have_type_and_size(kind: str) -> None:
    assert inspect_image(WHOLE[kind]) == Picture(f"image/{kind}", 16, 12)
    assert image_size(WHOLE[kind]) == (16, 12)


@pytest.mark.parametrize("kind", WHOLE)
def test_image_truncated_anywhere_is_incomplete(kind: str) -> None:
    whole = WHOLE[kind]
    for size in range(12, len(whole)):
        seen = inspect_image(whole[:size])
        assert seen is not None
        assert seen.fault == TRUNCATED


@pytest.mark.parametrize("size", [300, 60_221, 60_223, 200_000, 3 * 2**20])
def test_jpeg_with_long_comments_is_complete(size: int) -> None:
    picture = padded_jpeg(size)
    assert len(picture) == size
    assert inspect_image(picture) == Picture("image/jpeg", 16, 12)


@pytest.mark.parametrize("picture", [MOVING_WEBP, gif(frames=2), png(moves=True)])
def test_animated_images_are_detected(picture: bytes) -> None:
    seen = inspect_image(picture)
    assert seen is not None
    assert seen.fault == ANIMATED


@pytest.mark.parametrize("program", ["jpg", "webp", "png", "gif"])
def test_images_written_by_programs_are_complete(program: str, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    path = tmp_path / f"cover.{program}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=1400x1400", "-frames:v", "1", str(path)]
    subprocess.run(command, check=True)
    seen = inspect_image(path.read_bytes())
    assert seen is not None
    assert (seen.width, seen.height, seen.fault) == (1400, 1400, None)


def test_the_largest_size_counts() -> None:
    lying = gif(9, 9)
    assert inspect_image(lying[:6] + b"\1\0\1\0" + lying[10:]) == Picture("image/gif", 9, 9)
    two_frames = JPEG[:2] + b"\xff\xc0\0\x0b\x08" + (9000).to_bytes(2) * 2 + b"\1\1\x11\0" + JPEG[2:]
    assert inspect_image(two_frames) == Picture("image/jpeg", 9000, 9000)


def test_image_without_size_or_pixels_is_faulty() -> None:
    assert inspect_image(png(0, 5)) == Picture("image/png", 0, 5, NO_SIZE)
    assert inspect_image(JPEG[:2] + b"\xff\xd9") == Picture("image/jpeg", 0, 0, TRUNCATED)
    assert inspect_image(gif(frames=0)) == Picture("image/gif", 8, 8, TRUNCATED)


def test_damaged_png_is_detected_by_its_checksums() -> None:
    whole = png(16, 12)
    for at in range(12, len(whole), 5):
        seen = inspect_image(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert seen is not None
        assert seen.fault is not None


@pytest.mark.parametrize(
    "other", [b"", SVG, HTML, b"BM" + bytes(60), b"\0\0\0\x1cftypavif", b"RIFF\0\0\0\0WAVE", b"%PDF"]
)
def test_other_formats_are_not_images(other: bytes) -> None:
    assert (image_type(other), inspect_image(other), image_size(other)) == (None, None, None)


def test_image_signature_alone_is_not_a_complete_image() -> None:
    seen = inspect_image(SCRIPT_GIF)
    assert seen is not None
    assert seen.fault == TRUNCATED


@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_any_bytes_are_inspected_without_error(magic: bytes, rest: bytes) -> None:
    seen = inspect_image(magic + rest)
    assert seen is not None
    assert image_size(magic + rest) is None or seen.width >= 0


@pytest.mark.parametrize(
    "filling",
    [b"\xff", b"\xff\xd8", b"\xff\xfe\0\2", b"!\xfe\0", b"\1a", b"\0\0\0\0abcd\x2c\xdb\xf8\xa8", b"ABCD\0\0\0\0"],
)
@pytest.mark.parametrize("magic", MAGIC)
def test_smallest_chunks_terminate(magic: bytes, filling: bytes) -> None:
    assert inspect_image(magic + filling * (2**18 // len(filling))) is not None
