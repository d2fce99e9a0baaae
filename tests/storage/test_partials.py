"""Unfinished files: bytes in their place, durable, and gone when they are to be."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError, StorageFull
from media_service.ipc import server
from media_service.ipc.client import RpcClient
from media_service.storage.partials import IDLE, DiskPartials, OpenPartial
from media_service.storage.sync import server
from media_service.storage.sync.client import SyncClient
from media_service.storage.write_latency import WriteLatency
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import served, storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1024 * 1024


@pytest_asyncio.fixture
async def partials(tmp_path: Path) -> AsyncIterator[DiskPartials]:
    """Partials in a folder of the test's own. No descriptor is left of them."""
    before = open_files()
    async with storage_rpc() as line:
        partials = DiskPartials(tmp_path / "deep" / "partials", line)
        await partials.prepare()
        among = open_files()
        yield partials
        partials.close_idle()
        await told(line)
        assert open_files() == among
    assert open_files() == before


async def told(line: RpcClient) -> None:
    """Returns when the other end has heard everything that was only told."""
    await line.ask(("sync", b"/nowhere"))


def opened(descriptor: int, path: Path, line: RpcClient) -> OpenPartial:
    """A partial over a descriptor of the test's own, synced at `path`."""
    return OpenPartial(path, descriptor, WriteLatency(), ThreadPoolExecutor(1), SyncClient(line))


@asynccontextmanager
async def unreachable(path: Path, line: RpcClient) -> AsyncIterator[None]:
    """Meanwhile nobody who syncs finds the file."""
    line.tell(("let_go", os.fsencode(path)))
    await told(line)
    elsewhere = path.rename(path.with_suffix(".elsewhere"))
    yield
    elsewhere.rename(path)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_folder_and_files_are_for_this_user_alone(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    path = partials.path("a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_new_partial_has_its_room_on_the_disk(partials: DiskPartials) -> None:
    await partials.create("a", 3 * MIB)
    status = partials.path("a").stat()
    assert status.st_size == 3 * MIB
    assert status.st_blocks * 512 >= 3 * MIB


async def test_a_partial_of_unknown_length_begins_empty_and_grows(partials: DiskPartials) -> None:
    await partials.create("a", None)
    assert partials.path("a").stat().st_size == 0
    partial = await partials.open("a")
    assert partial is not None
    await partial.write(5, b"five")
    partials.close("a")
    assert partials.path("a").read_bytes() == bytes(5) + b"five"


async def test_blocks_in_any_order_stand_in_their_places(partials: DiskPartials) -> None:
    whole = random.Random(1).randbytes(300_000)
    starts = list(range(0, len(whole), 7000))
    random.Random(2).shuffle(starts)
    await partials.create("a", len(whole))
    partial = await partials.open("a")
    assert partial is not None
    for start in starts:
        await partial.write(start, whole[start : start + 7000])
    await partial.sync(partial.epoch)
    partials.close("a")
    assert partials.path("a").read_bytes() == whole


async def test_writers_share_one_descriptor_also_behind_the_last_of_them(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    one, other = await partials.open("a"), await partials.open("a")
    assert one is not None
    assert one is other
    partials.close("a")
    await one.write(0, b"still open")
    partials.close("a")
    assert await partials.open("a") is one
    partials.close("a")
    assert partials.path("a").read_bytes() == b"still open"


async def test_a_deleted_partial_is_not_written_to_though_it_is_still_open(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    await partials.open("a")
    partials.close("a")
    partials.path("a").unlink()
    assert await partials.open("a") is None


async def test_only_so_many_descriptors_stay_open_at_either_end(partials: DiskPartials, line: RpcClient) -> None:
    partials = DiskPartials(partials.path("a").parent, line)
    before = open_files()
    for number in range(IDLE + 10):
        await partials.create(str(number), 10)
        await partials.open(str(number))
        partials.close(str(number))
    await told(line)
    assert open_files() == before + 2 * IDLE
    partials.close_idle()
    await told(line)
    assert open_files() == before


async def test_a_partial_whose_sync_failed_is_opened_anew(tmp_path: Path, line: RpcClient) -> None:
    partials = DiskPartials(tmp_path, line)
    await partials.create("a", 10)
    failed = await partials.open("a")
    assert failed is not None
    async with unreachable(partials.path("a"), line):
        with pytest.raises(StorageError):
            await failed.sync(failed.epoch)
    partials.close("a")
    assert (await partials.open("a")) is not failed
    partials.close("a")
    partials.close_idle()


async def test_a_missing_partial_opens_as_none(partials: DiskPartials) -> None:
    assert await partials.open("a") is None
    with pytest.raises(FileNotFoundError):
        await partials.trim("a", 0)
    await partials.discard("a")


async def test_a_link_in_a_partials_place_is_not_followed(partials: DiskPartials, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    partials.path("a").symlink_to(tmp_path / "other")
    with pytest.raises(StorageError):
        await partials.open("a")


async def test_an_upload_gets_no_second_partial(partials: DiskPartials) -> None:
    await partials.create("a", 4)
    partials.path("a").write_bytes(b"here")
    with pytest.raises(FileExistsError):
        await partials.create("a", 4)
    assert partials.path("a").read_bytes() == b"here"


async def test_scratch_behind_the_length_is_trimmed_and_nothing_else(partials: DiskPartials) -> None:
    await partials.create("a", None)
    partials.path("a").write_bytes(b"0123456789")
    await partials.trim("a", 6)
    assert partials.path("a").read_bytes() == b"012345"
    await partials.trim("a", 100)
    assert partials.path("a").read_bytes() == b"012345"


async def test_discarding_frees_the_room_even_of_an_open_partial(partials: DiskPartials) -> None:
    await partials.create("a", 10)
    await partials.open("a")
    await partials.discard("a")
    assert not partials.path("a").exists()
    partials.close("a")
    assert await partials.open("a") is None


async def test_ids_name_what_is_there(partials: DiskPartials) -> None:
    assert await partials.list_ids() == []
    for upload_id in ("a", "b-_"):
        await partials.create(upload_id, 1)
    partials.path("x").with_suffix(".other").touch()
    assert sorted(await partials.list_ids()) == ["a", "b-_"]
    assert sorted(await DiskPartials(partials.path("a").parent, RpcClient()).ids()) == ["a", "b-_"]


async def test_a_write_that_the_disk_does_not_take_is_trouble(partials: DiskPartials, line: RpcClient) -> None:
    await partials.create("a", 10)
    reading = opened(os.open(partials.path("a"), os.O_RDONLY), partials.path("a"), line)
    try:
        with pytest.raises(StorageError):
            await reading.write(0, b"x")
    finally:
        os.close(reading.descriptor)


async def test_a_sync_that_fails_is_trouble(line: RpcClient) -> None:
    with Path("/dev/null").open("wb") as null:
        with pytest.raises(StorageError) as caught:
            await opened(null.fileno(), Path("/dev/null"), line).sync(0)
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EINVAL


async def test_writes_from_before_a_failed_sync_are_given_up_and_later_ones_are_not(
    partials: DiskPartials, line: RpcClient
) -> None:
    """The kernel reports lost pages once: who syncs the same file next hears that all is well."""
    await partials.create("a", 10)
    path = partials.path("a")
    partial = opened(os.open(path, os.O_WRONLY), path, line)
    before = partial.epoch
    async with unreachable(path, line):
        with pytest.raises(StorageError):
            await partial.sync(before)
    with pytest.raises(StorageError):
        await partial.sync(before)
    await partial.write(0, b"again")
    await partial.sync(partial.epoch)
    os.close(partial.descriptor)


async def test_a_sync_that_nobody_answers_any_more_gives_up_what_was_written_before_it(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    line = RpcClient()
    await line.open(ours)
    partials = DiskPartials(tmp_path, line)
    await partials.create("a", 10)
    partial = await partials.open("a")
    assert partial is not None
    before = partial.epoch
    syncing = asyncio.create_task(partial.sync(before))
    await asyncio.sleep(0.01)
    theirs.close()
    with pytest.raises(StorageError):
        await syncing
    with pytest.raises(StorageError):
        await partial.sync(partial.epoch)
    async with served(line, server.serve):
        with pytest.raises(StorageError):
            await partial.sync(before)
        await partial.write(0, b"again")
        await partial.sync(partial.epoch)
    partials.close("a")
    partials.close_idle()


async def test_those_who_ask_while_a_sync_runs_share_the_next_one(tmp_path: Path) -> None:
    """Told by what is asked of a disk that takes its time: the first sync, and one for all who came meanwhile."""
    asked: list[list[str]] = []

    def slow(end: socket.socket) -> None:
        for questions in server.questions(end):
            asked.append([what[0] for _, what in questions])
            time.sleep(0.02)
            server.respond(end, [(number, None) for number, _ in questions if number])

    async with served(RpcClient(), slow) as line:
        partials = DiskPartials(tmp_path, line)
        await partials.create("shared", MIB)
        partial = await partials.open("shared")
        assert partial is not None

        async def write_and_sync(number: int) -> None:
            await partial.write(number * 1000, bytes(1000))
            await partial.sync(partial.epoch)

        await asyncio.gather(*map(write_and_sync, range(64)))
        partials.close("shared")
        partials.close_idle()
    assert sum(questions.count("sync") for questions in asked) == 2


async def create_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as line:
        partials = DiskPartials(disk / "partials", line)
        await partials.prepare()
        await partials.create("fits", 3 * MIB)
        try:
            await partials.create("too-large", 3 * MIB)
        except StorageFull:
            left = sorted(await partials.list_ids())
            await partials.discard("fits")
            await partials.create("too-large", 3 * MIB)
            return left, sorted(await partials.list_ids())
        return None


def test_a_partial_without_room_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", create_on_full_disk) == [["fits"], ["too-large"]]


async def write_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as line:
        partials = DiskPartials(disk / "partials", line)
        await partials.prepare()
        await partials.create("a", None)
        partial = await partials.open("a")
        assert partial is not None
        taken, block = 0, random.Random(3).randbytes(MIB)
        try:
            while True:
                await partial.write(taken, block)
                taken += MIB
        except StorageFull:
            pass
        await partial.sync(partial.epoch)
        whole = partials.path("a").read_bytes()[:taken] == block * (taken // MIB)
        await partials.trim("a", MIB)
        await partial.write(MIB, block)
        await partial.sync(partial.epoch)
        partials.close("a")
        return taken // MIB, whole, partials.path("a").read_bytes() == block * 2, await partials.free() > 0


def test_a_full_disk_keeps_what_was_written_and_goes_on_after_room_is_made(tmp_path: Path) -> None:
    taken, before, after, free = on_small_disk(tmp_path / "disk", write_on_full_disk)
    assert taken in (3, 4)
    assert before
    assert after
    assert free


async def test_room_is_reserved_without_harm_to_what_is_there(partials: DiskPartials) -> None:
    data = random.Random(4).randbytes(2 * MIB)
    await partials.create("a", 0)
    partial = await partials.open("a")
    assert partial is not None
    await partial.write(0, data)
    await asyncio.gather(partial.reserve(0, 6 * MIB), partial.write(3 * MIB, data))
    await partial.reserve(6 * MIB, 6 * MIB + 5)
    partials.close("a")
    status = partials.path("a").stat()
    assert status.st_size == 6 * MIB + 5
    assert status.st_blocks * 512 >= 6 * MIB
    assert partials.path("a").read_bytes() == data + bytes(MIB) + data + bytes(MIB + 5)


async def test_room_that_a_partial_has_is_told_and_a_hole_has_none(partials: DiskPartials) -> None:
    await partials.create("a", MIB)
    partial = await partials.open("a")
    assert partial is not None
    assert partial.allocated == MIB
    await partial.write(8 * MIB, b"far away")
    assert partial.allocated == 0
    partials.close("a")


async def reserve_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as line:
        partials = DiskPartials(disk / "partials", line)
        await partials.prepare()
        await partials.create("a", MIB)
        partial = await partials.open("a")
        assert partial is not None
        try:
            await partial.reserve(MIB, 64 * MIB)
        except StorageFull:
            await partial.write(0, b"goes on")
            await partial.reserve(MIB, 2 * MIB)
            partials.close("a")
            return partials.path("a").read_bytes()[:7].decode()


def test_room_that_is_not_there_is_not_reserved(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", reserve_on_full_disk) == "goes on"
