"""Finished files on disk: chunks, file systems, crashes between two system calls, full disks."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageFull
from media_service.core.files import RewritePlan, Source
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
    return await spool.assemble(upload_id, Source(source), UNTAGGED, source.stat().st_size)


async def test_finished_file_is_for_this_user_alone(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    assert await spool.publish("a", "show.mp3")
    assert stat.S_IMODE(spool.path("show.mp3").stat().st_mode) == 0o600
    assert spool.path("show.mp3").stat().st_nlink == 1


async def test_file_larger_than_one_chunk_is_complete(spool: DiskSpool, source: Path) -> None:
    whole = random.Random(6).randbytes(MIB) * (2 * CHUNK_BYTES // MIB) + AUDIO
    source.write_bytes(whole)
    made = await spool.assemble("a", Source(source), RewritePlan(b"T" * 4096, 0), len(whole))
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


async def test_incomplete_file_after_a_crash_is_replaced(spool: DiskSpool, source: Path) -> None:
    await assembled(spool, source)
    (incoming,) = (spool.path("x").parents[1] / ".incoming").iterdir()
    incoming.write_bytes(AUDIO[:10])
    assert (await assembled(again(spool), source)).sha256 == hashlib.sha256(AUDIO).digest()


async def test_file_with_both_names_after_a_crash_is_published(spool: DiskSpool, source: Path) -> None:
    """Without RENAME_NOREPLACE a crash can happen between link and unlink."""
    await assembled(spool, source)
    (incoming,) = (spool.path("x").parents[1] / ".incoming").iterdir()
    assert not link_and_unlink(incoming, source)
    spool.path("show.mp3").hardlink_to(incoming)
    assert link_and_unlink(incoming, spool.path("show.mp3"))
    assert not await spool.is_assembled("a")
    assert spool.path("show.mp3").read_bytes() == AUDIO


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
