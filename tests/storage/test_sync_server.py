"""Slices read back where they lie, and files that are let go: what the process aside does for partials."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import random
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.core.errors.service import StorageError
from media_service.ipc.client import RpcClient
from media_service.storage.partials import DiskPartials
from media_service.storage.slice_digest import InlineDigest, SidecarDigest
from media_service.storage.sync import server
from media_service.storage.sync.client import ASIDE
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import served, storage_rpc

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from media_service.core.ports.partials import Partial, SliceDigest

MIB = 1024 * 1024
CONTENT = random.Random(71).randbytes(3 * MIB)


async def opened(partials: DiskPartials, upload_id: str = "a") -> Partial:
    if upload_id not in await partials.list_ids():
        await partials.create(upload_id, None)
    partial = await partials.open(upload_id)
    assert partial is not None
    return partial


async def write(partial: Partial, digest: SliceDigest, start: int, content: bytes, block: int = 256 * 1024) -> None:
    """Block by block, as a slice comes."""
    for at in range(0, len(content), block):
        await partial.write(start + at, content[at : at + block])
        digest.update(content[at : at + block])


async def value(digest: SliceDigest) -> bytes:
    """Behind the last byte."""
    digest.end()
    return await digest.value()


def aside(line: RpcClient, partial: Partial, start: int) -> SidecarDigest:
    return SidecarDigest(line, os.fsencode(partial.path), start)


async def test_large_slices_are_read_back_and_small_ones_hashed_on_their_way(tmp_path: Path, line: RpcClient) -> None:
    partial = await opened(partials := DiskPartials(tmp_path, line))
    for expected, kind in ((ASIDE, SidecarDigest), (ASIDE - 1, InlineDigest), (None, InlineDigest)):
        if len(os.sched_getaffinity(0)) > 1:
            assert isinstance(partial.digest(0, expected), kind)
    partials.close("a")
    partials.close_idle()


async def test_beside_one_processor_nothing_is_read_back(tmp_path: Path, line: RpcClient) -> None:
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        partials = DiskPartials(tmp_path, line)
    finally:
        os.sched_setaffinity(0, processors)
    partial = await opened(partials)
    assert isinstance(partial.digest(0, 64 * MIB), InlineDigest)
    partials.close("a")
    partials.close_idle()


@given(
    start=st.integers(0, 3 * MIB),
    size=st.integers(1, 3 * MIB),
    block=st.sampled_from([4096, 100_000, 256 * 1024, MIB + 1]),
)
@settings(max_examples=25, deadline=None)
def test_both_ways_find_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, start: int, size: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("digests")

    async def both() -> list[bytes]:
        async with storage_rpc() as line:
            partial = await opened(partials := DiskPartials(folder, line))
            found = []
            for digest in (InlineDigest(), aside(line, partial, start)):
                await write(partial, digest, start, CONTENT[:size], block)
                found.append(await value(digest))
            partials.close("a")
            partials.close_idle()
            return found

    assert asyncio.run(both()) == [hashlib.sha256(CONTENT[:size]).digest()] * 2


async def test_slices_of_several_uploads_are_read_beside_each_other(tmp_path: Path, line: RpcClient) -> None:
    partials = DiskPartials(tmp_path, line)

    async def receive(number: int) -> bool:
        content = random.Random(number).randbytes(2 * MIB + number)
        partial = await opened(partials, f"u{number}")
        first, second = aside(line, partial, 0), aside(line, partial, MIB)
        await asyncio.gather(write(partial, first, 0, content[:MIB]), write(partial, second, MIB, content[MIB:]))
        digests = await asyncio.gather(value(first), value(second))
        partials.close(f"u{number}")
        return list(digests) == [hashlib.sha256(part).digest() for part in (content[:MIB], content[MIB:])]

    assert all(await asyncio.gather(*map(receive, range(12))))
    partials.close_idle()


async def test_what_lies_in_the_file_counts_and_not_what_came(tmp_path: Path, line: RpcClient) -> None:
    partial = await opened(partials := DiskPartials(tmp_path, line))
    digest = aside(line, partial, 0)
    await write(partial, digest, 0, CONTENT[:1000])
    damaged = b"\0" + CONTENT[1:1000]
    partial.path.write_bytes(damaged)
    assert await value(digest) == hashlib.sha256(damaged).digest()
    partials.close("a")
    partials.close_idle()


async def test_a_file_that_is_too_short_has_no_digest(tmp_path: Path, line: RpcClient) -> None:
    partial = await opened(partials := DiskPartials(tmp_path, line))
    digest = aside(line, partial, 10)
    await write(partial, digest, 10, CONTENT[: MIB + 500])
    os.truncate(partial.path, MIB)
    with pytest.raises(StorageError):
        await value(digest)
    partials.close("a")
    partials.close_idle()


async def test_a_new_process_that_heard_nothing_of_a_slice_reads_all_of_it(tmp_path: Path) -> None:
    line = RpcClient()
    ours, theirs = socket.socketpair()
    await line.open(ours)
    partials = DiskPartials(tmp_path, line)
    partial = await opened(partials)
    digest = aside(line, partial, 100)
    await write(partial, digest, 100, CONTENT[: 2 * MIB])
    await asyncio.sleep(0)
    theirs.close()
    await line.lost()
    async with served(line, server.serve):
        rest = CONTENT[2 * MIB :]
        await partial.write(100 + 2 * MIB, rest)
        digest.update(rest)
        assert await value(digest) == hashlib.sha256(CONTENT).digest()
        await partial.sync(partial.epoch)
        partials.close("a")
        partials.close_idle()


async def test_a_digest_that_nobody_answers_any_more_is_trouble(tmp_path: Path) -> None:
    line = RpcClient()
    partial = await opened(partials := DiskPartials(tmp_path, line))
    digest = aside(line, partial, 0)
    await write(partial, digest, 0, CONTENT)
    with pytest.raises(StorageError):
        await value(digest)
    partials.close("a")
    partials.close_idle()


async def test_a_digest_that_nobody_comes_for_says_nothing_when_the_line_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = RpcClient()
    ours, theirs = socket.socketpair()
    await line.open(ours)
    partial = await opened(partials := DiskPartials(tmp_path, line))
    digest = aside(line, partial, 0)
    await write(partial, digest, 0, CONTENT)
    digest.end()
    theirs.close()
    await line.lost()
    await asyncio.sleep(0)
    del digest
    gc.collect()
    assert not caplog.records
    partials.close("a")
    partials.close_idle()


async def test_a_partial_made_anew_under_its_name_is_the_one_that_is_synced_and_read(
    tmp_path: Path, line: RpcClient
) -> None:
    partials = DiskPartials(tmp_path, line)
    for content in (b"first", b"second"):
        partial = await opened(partials)
        digest = aside(line, partial, 0)
        await write(partial, digest, 0, content)
        await partial.sync(partial.epoch)
        assert await value(digest) == hashlib.sha256(content).digest()
        partials.close("a")
        # Somebody else deletes it: its descriptors are still open.
        partials.path("a").unlink()
    assert await partials.open("a") is None


async def discard_on_full_disk(disk: Path) -> Any:
    async with storage_rpc() as line:
        partials = DiskPartials(disk / "partials", line)
        await partials.prepare()
        before = await partials.free()
        partial = await opened(partials)
        await partial.write(0, CONTENT)
        await partial.sync(partial.epoch)
        partials.close("a")
        held = await partials.free()
        await partials.discard("a")
        await line.ask(("sync_folder", os.fsencode(disk)))
        return before - held >= len(CONTENT), await partials.free() == before


def test_a_discarded_partial_frees_its_room_though_it_was_open_at_both_ends(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", discard_on_full_disk) == [True, True]


async def test_a_link_is_not_followed(tmp_path: Path, line: RpcClient) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    assert isinstance(await line.ask(("sync", os.fsencode(tmp_path / "link"))), int)
