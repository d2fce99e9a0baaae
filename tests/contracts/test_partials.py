"""Suite of `core.ports.partials.Partials` and `core.ports.partials.Partial`.

Bytes are at their offsets, durable after a sync, and gone after a discard.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError
from media_service.storage.partials import DiskPartials
from tests.contracts.wrappers import plain, wrapped
from tests.intake.models import ModelPartials
from tests.storage.test_partials import unreachable
from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from media_service.core.ports.partials import Partial, Partials

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter; `crash` returns that of the next process; within `syncs_fail` an upload's syncs fail."""

    partials: Partials
    crash: Callable[[], Awaitable[Partials]]
    syncs_fail: Callable[[str], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def disk(folder: Path, wrap: Callable[[Any], Any] = plain) -> AsyncIterator[Subject]:
    async with storage_rpc() as rpc:
        processes: list[DiskPartials] = []

        async def start() -> Partials:
            processes.append(partials := DiskPartials(folder, rpc))
            await partials.prepare()
            return partials

        subject = Subject(wrap(await start()), start, lambda upload_id: unreachable(processes[0].path(upload_id), rpc))
        yield subject
        for partials in processes:
            partials.close_idle()


@asynccontextmanager
async def model(folder: Path) -> AsyncIterator[Subject]:
    partials = ModelPartials(folder)

    async def crash() -> Partials:
        partials.crash()
        return partials

    @asynccontextmanager
    async def syncs_fail(upload_id: str) -> AsyncIterator[None]:
        partials.fail_next = True
        yield

    yield Subject(partials, crash, syncs_fail)


ADAPTERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Subject]]] = {
    "disk": disk,
    "wrapped": partial(disk, wrap=lambda partials: wrapped(partials, "concatenate")),
    "model": model,
}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    (tmp_path / "partials").mkdir()
    async with ADAPTERS[request.param](tmp_path / "partials") as subject:
        yield subject


@pytest.fixture
def partials(subject: Subject) -> Partials:
    return subject.partials


async def created(partials: Partials, upload_id: str, length: int | None = None) -> Partial:
    """Create a partial and open it."""
    await partials.create(upload_id, length)
    partial = await partials.open(upload_id)
    assert partial is not None
    return partial


async def write_and_close(partials: Partials, upload_id: str, content: bytes) -> None:
    partial = await created(partials, upload_id)
    await partial.write(0, content)
    partials.close(upload_id)


async def test_new_partial_has_its_length(partials: Partials) -> None:
    await partials.create("a", 3000)
    assert partials.path("a").read_bytes() == bytes(3000)


async def test_partial_of_unknown_length_starts_empty_and_grows(partials: Partials) -> None:
    partial = await created(partials, "a", None)
    assert partials.path("a").stat().st_size == 0
    await partial.write(5, b"five")
    partials.close("a")
    assert partials.path("a").read_bytes() == bytes(5) + b"five"


async def test_blocks_in_any_order_are_at_their_offsets(partials: Partials) -> None:
    whole = random.Random(1).randbytes(300_000)
    starts = list(range(0, len(whole), 7000))
    random.Random(2).shuffle(starts)
    partial = await created(partials, "a", len(whole))
    for start in starts:
        await partial.write(start, whole[start : start + 7000])
    await partial.sync(partial.epoch)
    partials.close("a")
    assert partials.path("a").read_bytes() == whole


async def test_open_partial_has_the_path_of_its_upload(partials: Partials) -> None:
    assert (await created(partials, "a")).path == partials.path("a")
    partials.close("a")


async def test_one_writer_closes_and_the_other_goes_on(partials: Partials) -> None:
    one, other = await created(partials, "a", 10), await partials.open("a")
    assert other is not None
    partials.close("a")
    await one.write(0, b"still open")
    partials.close("a")
    assert partials.path("a").read_bytes() == b"still open"


async def test_a_missing_partial_opens_as_none(partials: Partials) -> None:
    assert await partials.open("a") is None
    with pytest.raises(FileNotFoundError):
        await partials.trim("a", 0)
    await partials.discard("a")


async def test_partial_that_another_program_deleted_opens_as_none(partials: Partials) -> None:
    await created(partials, "a", 10)
    partials.close("a")
    partials.path("a").unlink()
    assert await partials.open("a") is None


async def test_existing_partial_is_not_overwritten_by_create(partials: Partials) -> None:
    await write_and_close(partials, "a", b"here")
    with pytest.raises(FileExistsError):
        await partials.create("a", 4)
    assert partials.path("a").read_bytes() == b"here"


async def test_trim_cuts_bytes_after_the_length_only(partials: Partials) -> None:
    await write_and_close(partials, "a", b"0123456789")
    await partials.trim("a", 6)
    assert partials.path("a").read_bytes() == b"012345"
    await partials.trim("a", 100)
    assert partials.path("a").read_bytes() == b"012345"


async def test_discarded_partial_is_gone_although_it_is_open(partials: Partials) -> None:
    await created(partials, "a", 10)
    await partials.discard("a")
    assert not partials.path("a").exists()
    partials.close("a")
    assert await partials.open("a") is None
    assert await partials.list_ids() == []


async def test_list_ids_lists_existing_partials(partials: Partials) -> None:
    assert await partials.list_ids() == []
    for upload_id in ("a", "b-_"):
        await partials.create(upload_id, 1)
    assert sorted(await partials.list_ids()) == ["a", "b-_"]


async def test_partials_are_concatenated_from_their_first_bytes(partials: Partials) -> None:
    for name, content in (("a", b"first, and scratch"), ("b", b"second")):
        await write_and_close(partials, name, content)
    await partials.create("whole", 16)
    await partials.concatenate("whole", [("a", 5), ("b", 6), ("a", 5)])
    assert partials.path("whole").read_bytes() == b"firstsecondfirst"


async def test_source_shorter_than_stated_is_an_error(partials: Partials) -> None:
    await write_and_close(partials, "a", b"short")
    await partials.create("whole", 10)
    with pytest.raises(StorageError):
        await partials.concatenate("whole", [("a", 10)])


async def test_some_bytes_are_free(partials: Partials) -> None:
    assert await partials.free() > 0


async def test_reserve_keeps_existing_bytes(partials: Partials) -> None:
    data = random.Random(4).randbytes(2 * MIB)
    partial = await created(partials, "a", 0)
    await partial.write(0, data)
    await asyncio.gather(partial.reserve(0, 6 * MIB), partial.write(3 * MIB, data))
    partials.close("a")
    assert partials.path("a").read_bytes()[: 5 * MIB] == data + bytes(MIB) + data


async def test_no_more_is_allocated_than_was_created(partials: Partials) -> None:
    assert 0 <= (await created(partials, "a", MIB)).allocated <= MIB
    partials.close("a")


async def test_synced_bytes_survive_a_crash(subject: Subject) -> None:
    partial = await created(subject.partials, "a", 10)
    await partial.write(0, b"synced")
    await partial.sync(partial.epoch)
    subject.partials.close("a")
    after = await subject.crash()
    assert await after.list_ids() == ["a"]
    assert after.path("a").read_bytes() == b"synced" + bytes(4)


async def test_concatenated_bytes_survive_a_crash(subject: Subject) -> None:
    await write_and_close(subject.partials, "a", b"part")
    await subject.partials.create("whole", 8)
    await subject.partials.concatenate("whole", [("a", 4), ("a", 4)])
    assert (await subject.crash()).path("whole").read_bytes() == b"partpart"


async def test_writes_before_a_failed_sync_are_lost_and_later_ones_are_not(subject: Subject) -> None:
    """The kernel reports lost pages once: the next sync of the same file succeeds."""
    partial = await created(subject.partials, "a", 10)
    before = partial.epoch
    await partial.write(0, b"lost")
    async with subject.syncs_fail("a"):
        with pytest.raises(StorageError):
            await partial.sync(before)
    assert partial.epoch > before
    with pytest.raises(StorageError):
        await partial.sync(before)
    await partial.write(0, b"again")
    await partial.sync(partial.epoch)
    subject.partials.close("a")
    assert (await subject.crash()).path("a").read_bytes()[:5] == b"again"


async def test_syncs_at_once_all_return(partials: Partials) -> None:
    partial = await created(partials, "a", 64)

    async def write_and_sync(offset: int) -> None:
        await partial.write(offset, b"x")
        await partial.sync(partial.epoch)

    await asyncio.gather(*map(write_and_sync, range(64)))
    partials.close("a")
    assert partials.path("a").read_bytes() == b"x" * 64
