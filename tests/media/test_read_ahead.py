"""A file is read the same whether it is read while it comes, at once, or by several threads at its end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from media_service.core.digest import BLOCK_BYTES, ContentHash
from media_service.core.upload import Slice
from media_service.media.inspection.load import BUSY_SHARE, WINDOW_SECONDS, LoadMonitor
from media_service.media.inspection.read_ahead import READ_BYTES, TURN_BYTES, ReadAhead
from media_service.media.inspection.read_pool import ReadPool
from media_service.media.mpeg.audio_digest import MusicCrc
from media_service.media.mpeg.parser import FrameParser
from tests.support.mp3 import tag_bytes
from tests.support.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from media_service.media.mpeg.report import StreamReport

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
    "with more junk behind than is looked through": WHOLE + bytes(3 * TURN_BYTES),
    "with a hole": WHOLE[:HOLE] + bytes(64 * 1024) + WHOLE[HOLE + 64 * 1024 :],
    "with a hole in which the walk gives up": WHOLE[:HOLE] + bytes(5 * 1024 * 1024) + WHOLE[HOLE:],
    "cut": WHOLE[:-TURN_BYTES],
    "of no music": bytes(3 * TURN_BYTES),
    "with a tag longer than what is read at first": tag_bytes({"title": "T" * 3 * TURN_BYTES}, 3) + LAME,
}


@pytest.fixture(params=[0.0, 1.0], ids=["quiet", "busy"])
def pool(request: pytest.FixtureRequest) -> Iterator[ReadPool]:
    """Readers beside a loop that does nothing, or never has time."""
    now = iter(range(10**9))
    pool = ReadPool(
        LoadMonitor(lambda: next(now) * WINDOW_SECONDS * 1.01, lambda: next(now) * request.param * BUSY_SHARE * 2)
    )
    yield pool
    pool.close()


def walked(content: bytes) -> StreamReport:
    """What a walk sees of it."""
    walk = FrameParser()
    for at in range(0, len(content), READ_BYTES):
        walk.feed(content[at : at + READ_BYTES])
    return walk.finish()


@pytest.mark.parametrize("ahead", [0, 1, TURN_BYTES + 7, 2 * TURN_BYTES])
@pytest.mark.parametrize("kind", FILES)
async def test_what_is_left_is_read_as_if_it_were_read_in_one(
    pool: ReadPool, tmp_path: Path, kind: str, ahead: int
) -> None:
    content, path = FILES[kind], tmp_path / "file"
    path.write_bytes(content)
    read_ahead, expected = ReadAhead(path, len(content)), ContentHash()
    expected.update(content)
    if ahead:
        await read_ahead.read_to(ahead, pool)
    await read_ahead.catch_up(len(content), pool)
    assert read_ahead.size == len(content)
    assert read_ahead.sha256.digest() == hashlib.sha256(content).digest()
    assert read_ahead.content_hash.digest() == expected.digest()
    assert read_ahead.parser.finish() == walked(content)


def test_the_file_has_a_checksum_of_its_music_that_matches() -> None:
    walk = walked(WHOLE)
    assert walk.vbr_header is not None
    assert walk.music_crc == walk.vbr_header.crc == CRC.value()


async def test_reading_that_goes_on_is_taken_over(pool: ReadPool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE))
    read_ahead.read_to(len(WHOLE), pool)
    await read_ahead.catch_up(len(WHOLE), pool)
    assert read_ahead.sha256.digest() == hashlib.sha256(WHOLE).digest()
    assert read_ahead.parser.finish() == walked(WHOLE)


async def test_blocks_that_were_proven_are_not_read_for_their_digests(pool: ReadPool, tmp_path: Path) -> None:
    """A digest that is wrong on purpose shows that it was taken as it came."""
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE))
    bounds = [(start, min(start + BLOCK_BYTES, len(WHOLE))) for start in range(0, len(WHOLE), BLOCK_BYTES)]
    read_ahead.add_digests([Slice(start, stop, bytes(32)) for start, stop in bounds])
    await read_ahead.catch_up(len(WHOLE), pool)
    assert read_ahead.content_hash.digest() == hashlib.sha256(bytes(32) * len(bounds)).digest()
    assert read_ahead.sha256.digest() == hashlib.sha256(WHOLE).digest()


async def test_a_file_that_is_shorter_than_announced_is_read_to_its_end(pool: ReadPool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE) + 2 * TURN_BYTES)
    await read_ahead.catch_up(len(WHOLE) + 2 * TURN_BYTES, pool)
    assert read_ahead.size == len(WHOLE)


async def test_a_file_that_is_not_there_is_told(pool: ReadPool, tmp_path: Path) -> None:
    read_ahead = ReadAhead(tmp_path / "missing", 3 * TURN_BYTES)
    with pytest.raises(FileNotFoundError):
        await read_ahead.catch_up(3 * TURN_BYTES, pool)
