"""A file gives the same results read while it arrives, in one pass, or by several threads at its end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from fastcrc import crc16

from media_service.core.digest import BLOCK_BYTES, ContentHash
from media_service.core.upload import Slice
from media_service.media.inspection.read_ahead import READ_BYTES, TURN_BYTES, ReadAhead
from media_service.media.inspection.read_pool import ReadPool
from media_service.media.mpeg.parser import FrameParser
from tests.support.mp3 import tag_bytes
from tests.support.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from media_service.media.mpeg.report import StreamReport

MUSIC = b"".join(Stream(kbits=320).frames(64)) * 256
CRC = crc16.arc(MUSIC)
LAME = Stream(kbits=320).first(64 * 256, len(MUSIC), CRC) + MUSIC
WHOLE = tag_bytes({"title": "Long"}, 3) + LAME
HOLE = 9 * 1024 * 1024
FILES = {
    "with a tag and LAME's header": WHOLE,
    "without either": MUSIC,
    "with its audio first": LAME,
    "with its audio first and junk behind": LAME + b"no frame " * 10_000,
    "with its audio first and a hole in which the walk gives up": LAME[:HOLE] + bytes(5 * 1024 * 1024) + LAME[HOLE:],
    "with junk behind": WHOLE + b"no frame " * 10_000,
    "with more junk behind than is looked through": WHOLE + bytes(3 * TURN_BYTES),
    "with a hole": WHOLE[:HOLE] + bytes(64 * 1024) + WHOLE[HOLE + 64 * 1024 :],
    "with a hole in which the walk gives up": WHOLE[:HOLE] + bytes(5 * 1024 * 1024) + WHOLE[HOLE:],
    "cut": WHOLE[:-TURN_BYTES],
    "of no music": bytes(3 * TURN_BYTES),
    "with a tag longer than what is read at first": tag_bytes({"title": "T" * 3 * TURN_BYTES}, 3) + LAME,
}


@pytest.fixture
def pool() -> Iterator[ReadPool]:
    """Yield a pool, and close it after the test."""
    pool = ReadPool()
    yield pool
    pool.close()


def parse(content: bytes) -> StreamReport:
    """Return the report of a parser without read-ahead."""
    parser = FrameParser()
    for at in range(0, len(content), READ_BYTES):
        parser.feed(content[at : at + READ_BYTES])
    return parser.finish()


@pytest.mark.parametrize("ahead", [0, 1, TURN_BYTES + 7, 2 * TURN_BYTES])
@pytest.mark.parametrize("kind", FILES)
async def test_read_ahead_and_catch_up_equal_one_pass(pool: ReadPool, tmp_path: Path, kind: str, ahead: int) -> None:
    content, path = FILES[kind], tmp_path / "file"
    path.write_bytes(content)
    read_ahead, expected = ReadAhead(path, len(content)), ContentHash()
    expected.update(content)
    if ahead:
        await read_ahead.read_to(ahead, pool)
    await read_ahead.catch_up(len(content), pool)
    assert read_ahead.size == len(content)
    assert read_ahead.parser.finish() == parse(content)
    assert read_ahead.sha256() == hashlib.sha256(content).digest()
    assert read_ahead.content_hash.digest() == expected.digest()


def test_music_crc_of_the_sample_matches() -> None:
    report = parse(WHOLE)
    assert report.vbr_header is not None
    assert report.music_crc == report.vbr_header.crc == CRC


async def test_catch_up_waits_for_running_read_ahead(pool: ReadPool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE))
    read_ahead.read_to(len(WHOLE), pool)
    await read_ahead.catch_up(len(WHOLE), pool)
    assert read_ahead.parser.finish() == parse(WHOLE)
    assert read_ahead.sha256() == hashlib.sha256(WHOLE).digest()


async def test_proven_blocks_are_not_read_for_the_content_hash(pool: ReadPool, tmp_path: Path) -> None:
    """A wrong digest, on purpose, shows that the block was not hashed."""
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE))
    bounds = [(start, min(start + BLOCK_BYTES, len(WHOLE))) for start in range(0, len(WHOLE), BLOCK_BYTES)]
    read_ahead.add_digests([Slice(start, stop, bytes(32)) for start, stop in bounds])
    await read_ahead.catch_up(len(WHOLE), pool)
    assert read_ahead.content_hash.digest() == hashlib.sha256(bytes(32) * len(bounds)).digest()
    assert read_ahead.sha256() == hashlib.sha256(WHOLE).digest()


async def test_audio_that_begins_the_file_is_hashed_once(pool: ReadPool, tmp_path: Path) -> None:
    """The parser's report shows it: another SHA-256 would not have got all bytes."""
    path = tmp_path / "file"
    path.write_bytes(LAME)
    read_ahead = ReadAhead(path, len(LAME))
    await read_ahead.catch_up(len(LAME), pool)
    assert read_ahead.sha256() == hashlib.sha256(b"").digest()
    assert read_ahead.parser.finish().file_sha256 == read_ahead.sha256() == hashlib.sha256(LAME).digest()


async def test_file_shorter_than_announced_is_read_to_its_end(pool: ReadPool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    read_ahead = ReadAhead(path, len(WHOLE) + 2 * TURN_BYTES)
    await read_ahead.catch_up(len(WHOLE) + 2 * TURN_BYTES, pool)
    assert read_ahead.size == len(WHOLE)


async def test_missing_file_raises_file_not_found(pool: ReadPool, tmp_path: Path) -> None:
    read_ahead = ReadAhead(tmp_path / "missing", 3 * TURN_BYTES)
    with pytest.raises(FileNotFoundError):
        await read_ahead.catch_up(3 * TURN_BYTES, pool)
