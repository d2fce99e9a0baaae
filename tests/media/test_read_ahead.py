"""A file is read the same whether it is read while it comes, at once, or by several threads at its end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from media_service.core.digest import BLOCK_BYTES, ContentHash
from media_service.core.upload import Slice
from media_service.media.inspection.load import BUSY, WINDOW, Leisure
from media_service.media.inspection.read_ahead import READ, STRIDE, Following
from media_service.media.inspection.read_pool import Readers
from media_service.media.mpeg.audio_digest import MusicCrc
from media_service.media.mpeg.parser import FrameParser
from tests.support.mp3 import tag_bytes
from tests.support.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from media_service.media.mpeg.report import Walk

MUSIC = b"".join(Stream(kbits=320).frames(64)) * 256
CRC = MusicCrc()
CRC.update(MUSIC)
LAME = Stream(kbits=320).first(64 * 256, len(MUSIC), CRC.value()) + MUSIC
WHOLE = tag_bytes({"title": "Long"}, 3) + LAME
HOLE = 9 * 1024 * 1024
FILES = {
    "with a tag and LAME's header": WHOLE,
    "without either": MUSIC,
    "with junk behind": WHOLE + b"no frame " * 10_000,
    "with more junk behind than is looked through": WHOLE + bytes(3 * STRIDE),
    "with a hole": WHOLE[:HOLE] + bytes(64 * 1024) + WHOLE[HOLE + 64 * 1024 :],
    "with a hole in which the walk gives up": WHOLE[:HOLE] + bytes(5 * 1024 * 1024) + WHOLE[HOLE:],
    "cut": WHOLE[:-STRIDE],
    "of no music": bytes(3 * STRIDE),
    "with a tag longer than what is read at first": tag_bytes({"title": "T" * 3 * STRIDE}, 3) + LAME,
}


@pytest.fixture(params=[0.0, 1.0], ids=["quiet", "busy"])
def readers(request: pytest.FixtureRequest) -> Iterator[Readers]:
    """Readers beside a loop that does nothing, or never has time."""
    now = iter(range(10**9))
    readers = Readers(Leisure(lambda: next(now) * WINDOW * 1.01, lambda: next(now) * request.param * BUSY * 2))
    yield readers
    readers.close()


def walked(content: bytes) -> Walk:
    """What a walk sees of it."""
    walk = FrameParser()
    for at in range(0, len(content), READ):
        walk.feed(content[at : at + READ])
    return walk.finish()


@pytest.mark.parametrize("ahead", [0, 1, STRIDE + 7, 2 * STRIDE])
@pytest.mark.parametrize("kind", FILES)
async def test_what_is_left_is_read_as_if_it_were_read_in_one(
    readers: Readers, tmp_path: Path, kind: str, ahead: int
) -> None:
    content, path = FILES[kind], tmp_path / "file"
    path.write_bytes(content)
    following, expected = Following(path, len(content)), ContentHash()
    expected.update(content)
    if ahead:
        await following.go_on_to(ahead, readers)
    await following.catch_up(len(content), readers)
    assert following.size == len(content)
    assert following.whole.digest() == hashlib.sha256(content).digest()
    assert following.content.digest() == expected.digest()
    assert following.walk.finish() == walked(content)


def test_the_file_has_a_checksum_of_its_music_that_matches() -> None:
    walk = walked(WHOLE)
    assert walk.declared is not None
    assert walk.music_crc == walk.declared.crc == CRC.value()


async def test_reading_that_goes_on_is_taken_over(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    following = Following(path, len(WHOLE))
    following.go_on_to(len(WHOLE), readers)
    await following.catch_up(len(WHOLE), readers)
    assert following.whole.digest() == hashlib.sha256(WHOLE).digest()
    assert following.walk.finish() == walked(WHOLE)


async def test_blocks_that_were_proven_are_not_read_for_their_digests(readers: Readers, tmp_path: Path) -> None:
    """A digest that is wrong on purpose shows that it was taken as it came."""
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    following = Following(path, len(WHOLE))
    bounds = [(start, min(start + BLOCK_BYTES, len(WHOLE))) for start in range(0, len(WHOLE), BLOCK_BYTES)]
    following.learn([Slice(start, stop, bytes(32)) for start, stop in bounds])
    await following.catch_up(len(WHOLE), readers)
    assert following.content.digest() == hashlib.sha256(bytes(32) * len(bounds)).digest()
    assert following.whole.digest() == hashlib.sha256(WHOLE).digest()


async def test_a_file_that_is_shorter_than_announced_is_read_to_its_end(readers: Readers, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    following = Following(path, len(WHOLE) + 2 * STRIDE)
    await following.catch_up(len(WHOLE) + 2 * STRIDE, readers)
    assert following.size == len(WHOLE)


async def test_a_file_that_is_not_there_is_told(readers: Readers, tmp_path: Path) -> None:
    following = Following(tmp_path / "missing", 3 * STRIDE)
    with pytest.raises(FileNotFoundError):
        await following.catch_up(3 * STRIDE, readers)
