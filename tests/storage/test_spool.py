"""Finished files: whole from the moment their names are seen, placed once, never over another."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError, StorageFull
from media_service.core.files import RewritePlan
from media_service.storage.copy_range import CHUNK_BYTES
from media_service.storage.renameat2 import link_and_unlink
from media_service.storage.spool import DiskSpool
from tests.storage.small_disk import on_small_disk

if TYPE_CHECKING:
    from media_service.core.files import AssembledFile

MIB = 1024 * 1024
AUDIO = random.Random(5).randbytes(100_000)
UNTAGGED = RewritePlan(b"", 0)


@pytest_asyncio.fixture
async def spool(tmp_path: Path) -> DiskSpool:
    """Return a spool in an empty folder."""
    spool = DiskSpool(tmp_path / "spool")
    await spool.prepare()
    return spool


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(AUDIO)
    return path


def again(spool: DiskSpool) -> DiskSpool:
    """Return the spool of the next process, after a crash."""
    return DiskSpool(spool.path("x").parents[1])


def finished(spool: DiskSpool) -> list[str]:
    return sorted(path.name for path in spool.path("x").parent.iterdir())


async def assembled(spool: DiskSpool, source: Path, upload_id: str = "a") -> AssembledFile:
    return await spool.assemble(upload_id, source, UNTAGGED, source.stat().st_size)


async def test_an_untagged_file_is_the_sources_bytes(spool: DiskSpool, source: Path) -> None:
    made = await assembled(spool, source)
    assert (made.size, made.sha256) == (len(AUDIO), hashlib.sha256(AUDIO).digest())
    assert await spool.is_assembled("a")
    assert finished(spool) == []
    assert await spool.publish("a", "show.mp3")
    assert spool.path("show.mp3").read_bytes() == AUDIO == source.read_bytes()
    assert stat.S_IMODE(spool.path("show.mp3").stat().st_mode) == 0o600


async def test_head_replaces_the_bytes_before_the_cut(spool: DiskSpool, source: Path) -> None:
    made = await spool.assemble("a", source, RewritePlan(b"HEAD" * 1000, 300), len(AUDIO))
    await spool.publish("a", "show.mp3")
    expected = b"HEAD" * 1000 + AUDIO[300:]
    assert spool.path("show.mp3").read_bytes() == expected
    assert (made.size, made.sha256) == (len(expected), hashlib.sha256(expected).digest())


async def test_bytes_after_the_length_are_not_copied(spool: DiskSpool, source: Path) -> None:
    made = await spool.assemble("a", source, UNTAGGED, 500)
    assert (made.size, made.sha256) == (500, hashlib.sha256(AUDIO[:500]).digest())


async def test_file_larger_than_one_chunk_is_complete(spool: DiskSpool, source: Path) -> None:
    whole = random.Random(6).randbytes(MIB) * (2 * CHUNK_BYTES // MIB) + AUDIO
    source.write_bytes(whole)
    made = await spool.assemble("a", source, RewritePlan(b"T" * 4096, 0), len(whole))
    assert made.sha256 == hashlib.sha256(b"T" * 4096 + whole).digest()


async def test_a_source_from_another_file_system_is_copied(spool: DiskSpool) -> None:
    """copy_file_range fails between some file systems; sendfile does not."""
    shared = Path("/dev/shm") / f"media-service-{os.getpid()}"
    if not shared.parent.is_dir() or shared.parent.stat().st_dev == spool.path("x").parent.stat().st_dev:
        pytest.skip("one file system only")
    shared.write_bytes(AUDIO)
    try:
        assert (await assembled(spool, shared)).sha256 == hashlib.sha256(AUDIO).digest()
    finally:
        shared.unlink()


async def test_assembling_again_starts_over(spool: DiskSpool, source: Path) -> None:
    await spool.assemble("a", source, RewritePlan(b"first", 0), len(AUDIO))
    made = await again(spool).assemble("a", source, RewritePlan(b"second", 0), len(AUDIO))
    assert made.sha256 == hashlib.sha256(b"second" + AUDIO).digest()


async def test_incomplete_file_after_a_crash_is_replaced(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    (incoming,) = (spool.path("x").parents[1] / ".incoming").iterdir()
    incoming.write_bytes(AUDIO[:10])
    assert (await assembled(again(spool), source)).sha256 == hashlib.sha256(AUDIO).digest()


async def test_missing_source_is_file_not_found(spool: DiskSpool, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await spool.assemble("a", tmp_path / "missing", UNTAGGED, 10)


async def test_short_source_is_an_error_and_leaves_no_file(spool: DiskSpool, source: Path) -> None:
    with pytest.raises(StorageError):
        await spool.assemble("a", source, UNTAGGED, len(AUDIO) + 1)
    assert finished(spool) == []
    assert (await assembled(spool, source)).size == len(AUDIO)


async def test_second_file_of_a_name_gets_a_number(spool: DiskSpool, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.partial"
    other.write_bytes(b"another")
    await assembled(spool, source, "a")
    await assembled(spool, other, "b")
    first, second = spool.candidate_names("show.mp3", 1, 2)
    assert (first, second) == ("show.mp3", "show (2).mp3")
    assert await spool.publish("a", first)
    assert not await spool.publish("b", first)
    assert await spool.publish("b", second)
    assert (spool.path(first).read_bytes(), spool.path(second).read_bytes()) == (AUDIO, b"another")


async def test_candidate_names_start_at_any_number(spool: DiskSpool) -> None:
    assert spool.candidate_names("show.mp3", 65, 2) == ["show (65).mp3", "show (66).mp3"]


async def test_existing_file_is_not_replaced(spool: DiskSpool, source: Path) -> None:
    spool.path("show.mp3").write_bytes(b"theirs")
    await assembled(spool, source)
    assert not await spool.publish("a", "show.mp3")
    assert spool.path("show.mp3").read_bytes() == b"theirs"
    assert await spool.is_assembled("a")


async def test_one_of_many_concurrent_publishes_gets_the_name(spool: DiskSpool, source: Path) -> None:
    ids = [str(number) for number in range(8)]
    for upload_id in ids:
        await assembled(spool, source, upload_id)
    got = await asyncio.gather(*(spool.publish(upload_id, "show.mp3") for upload_id in ids))
    assert sorted(got) == [False] * 7 + [True]


async def test_published_file_is_no_longer_assembled(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    assert await again(spool).is_assembled("a")
    await spool.publish("a", "show.mp3")
    assert not await again(spool).is_assembled("a")
    assert await again(spool).list_assembled() == []
    assert finished(spool) == ["show.mp3"]


async def test_published_file_that_was_taken_is_no_longer_assembled(
    spool: DiskSpool, source: Path, tmp_path: Path
) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    spool.path("show.mp3").rename(tmp_path / "taken.mp3")
    assert not await again(spool).is_assembled("a")


async def test_file_with_both_names_after_a_crash_is_published(spool: DiskSpool, source: Path) -> None:
    """Without RENAME_NOREPLACE a crash can happen between link and unlink."""
    await assembled(spool, source)
    (incoming,) = (spool.path("x").parents[1] / ".incoming").iterdir()
    assert not link_and_unlink(incoming, source)
    spool.path("show.mp3").hardlink_to(incoming)
    assert link_and_unlink(incoming, spool.path("show.mp3"))
    assert not await spool.is_assembled("a")
    assert spool.path("show.mp3").read_bytes() == AUDIO


async def test_tail_replaces_the_last_bytes(spool: DiskSpool, source: Path) -> None:
    made = await spool.assemble("a", source, RewritePlan(b"HEAD", 300, b"TAIL" * 32), len(AUDIO))
    await spool.publish("a", "show.mp3")
    expected = b"HEAD" + AUDIO[300:-128] + b"TAIL" * 32
    assert spool.path("show.mp3").read_bytes() == expected
    assert (made.size, made.sha256) == (len(expected), hashlib.sha256(expected).digest())


async def test_discarding_after_publishing_keeps_the_file_and_can_be_repeated(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await spool.discard_assembled("a")
    await spool.discard_assembled("a")
    assert spool.path("show.mp3").stat().st_nlink == 1


async def test_discarding_an_unpublished_file_leaves_nothing(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    assert await spool.list_assembled() == ["a"]
    await spool.discard_assembled("a")
    assert await spool.list_assembled() == []
    assert finished(spool) == []


async def test_preparing_again_keeps_existing_files(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await again(spool).prepare()
    assert finished(spool) == ["show.mp3"]


async def assemble_on_full_disk(disk: Path) -> Any:
    spool = DiskSpool(disk / "spool")
    await spool.prepare()
    source = disk / "a.partial"
    source.write_bytes(AUDIO * 25)
    free = os.statvfs(disk).f_bavail
    try:
        await assembled(spool, source)
    except StorageFull:
        lost = free - os.statvfs(disk).f_bavail
        source.write_bytes(AUDIO * 10)
        return {"lost": lost, "finished": finished(spool), "later": (await assembled(spool, source)).size}
    return None


def test_full_disk_publishes_nothing_and_continues_after_space_is_freed(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", assemble_on_full_disk)
    assert (seen["finished"], seen["later"]) == ([], len(AUDIO) * 10)


def test_failed_assembly_frees_its_space(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", assemble_on_full_disk)["lost"] == 0


async def test_replaced_file_can_still_be_read_by_an_open_reader(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await spool.assemble("b", spool.path("show.mp3"), RewritePlan(b"HEAD", 300), None)
    with spool.path("show.mp3").open("rb") as reader:
        await spool.replace("b", "show.mp3")
        assert reader.read() == AUDIO
    expected = b"HEAD" + AUDIO[300:]
    assert spool.path("show.mp3").read_bytes() == expected
    assert await spool.measure("show.mp3") == (len(expected), hashlib.sha256(expected).digest())
    assert (finished(spool), await spool.list_assembled()) == (["show.mp3"], [])


async def test_file_that_was_taken_is_not_replaced(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    with pytest.raises(FileNotFoundError):
        await spool.replace("a", "show.mp3")
    assert (finished(spool), await spool.list_assembled()) == ([], ["a"])
    assert await spool.measure("show.mp3") is None
