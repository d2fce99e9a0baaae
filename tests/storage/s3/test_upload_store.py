"""Slices as objects: on broken lines and busy servers, of two nodes at once, and after a discard."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError, StorageFull
from media_service.core.upload import Slice
from media_service.storage.s3 import retries, slice_writer
from media_service.storage.s3 import scratch as scratches
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.location import S3Location
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.sweeper import abort_abandoned
from media_service.storage.s3.upload_store import S3UploadStore
from tests.storage.partials import open_files
from tests.storage.s3.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.s3 import Bucket

MIB = 1024 * 1024
BYTES = random.Random(17).randbytes(6 * MIB)
SHA256 = hashlib.sha256(BYTES).digest()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests at once."""
    monkeypatch.setattr(retries, "DELAYS_SECONDS", (0.01,) * len(retries.DELAYS_SECONDS))


class Node:
    """A store on one machine, and what is in the bucket."""

    def __init__(self, client: S3Client, scratch: Scratch) -> None:
        self.client = client
        self.scratch = scratch
        self.store = S3UploadStore(client, scratch)

    async def send(self, start: int, data: bytes, digest: bytes | None = None, block: int = 256 * 1024) -> Slice:
        """Send a slice of upload `a`; return it as it is to be recorded."""
        writer = await self.store.begin("a", start, len(data), digest=digest)
        try:
            for at in range(0, len(data), block):
                await writer.write(data[at : at + block])
            stored = await writer.commit()
        finally:
            writer.close()
        return Slice(start, start + len(data), digest, stored.object)

    async def keys(self) -> list[str]:
        return [found.key async for found in self.client.list_objects("uploads/")]

    async def fetched(self, *slices: Slice) -> bytes:
        stop = max(piece.stop for piece in slices)
        return (await self.store.fetch("a", slices, stop)).path.read_bytes()


@pytest_asyncio.fixture
async def scratch(tmp_path: Path) -> AsyncIterator[Scratch]:
    scratch = Scratch(tmp_path / "scratch")
    await scratch.prepare()
    yield scratch
    scratch.close()


@pytest_asyncio.fixture
async def node(client: S3Client, scratch: Scratch) -> Node:
    return Node(client, scratch)


@pytest_asyncio.fixture
async def relay(bucket: Bucket) -> AsyncIterator[Relay]:
    async with Relay(bucket.endpoint) as relay:
        yield relay


@pytest_asyncio.fixture
async def far(bucket: Bucket, relay: Relay, scratch: Scratch) -> AsyncIterator[Node]:
    """Yield a node behind the relay."""
    async with S3Client(S3Location.parse(f"s3://{bucket.name}/far", endpoint=relay.endpoint)) as client:
        yield Node(client, scratch)
        await client.delete([found.key async for found in client.list_objects("")])


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, scratch: Scratch) -> str:
    """Return where slices wait: in memory, or in a file because there is none left."""
    if request.param == "file":
        assert scratch.take_memory(scratches.MEMORY_BYTES)
    return str(request.param)


@pytest.mark.usefixtures("place")
async def test_slice_whose_connection_breaks_is_sent_again(far: Node, relay: Relay) -> None:
    relay.cuts_up = [1_000_000, 2_000_000, 3_000_000]
    piece = await far.send(0, BYTES, SHA256)
    assert not relay.cuts_up
    assert await far.fetched(piece) == BYTES


async def test_slice_that_always_breaks_is_an_error_and_stores_nothing(far: Node, relay: Relay) -> None:
    relay.cuts_up = [1_000_000] * 5
    with pytest.raises(StorageError):
        await far.send(0, BYTES, SHA256)
    assert await far.keys() == []


@pytest.mark.usefixtures("place")
async def test_busy_server_is_asked_again(far: Node, relay: Relay) -> None:
    relay.slow_downs = 3
    assert await far.fetched(await far.send(0, BYTES, SHA256)) == BYTES
    assert relay.slow_downs == 0
    await relay.drop()
    relay.slow_downs = 9
    with pytest.raises(StorageError):
        await far.send(0, BYTES)
    assert relay.slow_downs == 4


@pytest.mark.usefixtures("place")
async def test_slice_with_other_bytes_than_announced_stores_nothing(node: Node) -> None:
    for size in (10, len(BYTES)):
        writer = await node.store.begin("a", 0, size, digest=SHA256[::-1])
        await writer.write(BYTES[:size])
        assert await writer.commit() == (hashlib.sha256(BYTES[:size]).digest(), None)
        writer.close()
    assert await node.keys() == []


@pytest.mark.usefixtures("place")
async def test_slice_that_is_cut_by_its_client_stores_nothing(node: Node) -> None:
    before = open_files()
    for _ in range(10):
        writer = await node.store.begin("a", 0, len(BYTES), digest=SHA256)
        await writer.write(BYTES[:MIB])
        writer.end()
        writer.close()
    assert await node.keys() == []
    assert open_files() <= before + scratches.IDLE_FILES


async def test_slow_slice_holds_no_connection_and_no_memory(
    far: Node, relay: Relay, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_writer, "MEMORY_SECONDS", 0.05)
    writer = await far.store.begin("a", 0, None, most=8 * MIB)
    await writer.write(BYTES[:1000])
    assert not scratch.take_memory(scratches.MEMORY_BYTES)
    await asyncio.sleep(0.1)
    for at in range(1000, 100_000, 1000):
        await writer.write(BYTES[at : at + 1000])
    assert scratch.take_memory(scratches.MEMORY_BYTES)
    assert relay.connections == 0
    stored = await writer.commit()
    writer.close()
    assert await far.fetched(Slice(0, 100_000, None, stored.object)) == BYTES[:100_000]


async def test_memory_of_many_slices_is_bounded_and_given_back(node: Node, scratch: Scratch) -> None:
    assert scratch.take_memory(scratches.MEMORY_BYTES - 7 * MIB)
    pieces = await asyncio.gather(*(node.send(index * len(BYTES), BYTES, SHA256, 100_000) for index in range(4)))
    assert scratch.take_memory(7 * MIB)
    assert await node.fetched(*pieces) == BYTES * 4


async def test_blocks_of_any_size_are_sent_in_their_order(node: Node) -> None:
    for block in (1, 1448, 60_000, 65_536, 70_000, MIB):
        data = BYTES[: block * 100 if block < 1000 else 3 * MIB]
        piece = await node.send(0, data, block=block)
        assert await node.fetched(piece) == data
        await node.store.release("a")


async def test_of_two_attempts_at_once_each_is_whole_and_the_recorded_one_counts(
    node: Node, bucket: Bucket, client: S3Client, tmp_path: Path
) -> None:
    other_scratch = Scratch(tmp_path / "other")
    await other_scratch.prepare()
    other = Node(client, other_scratch)
    one, another = await asyncio.gather(node.send(0, BYTES), other.send(0, BYTES[::-1]))
    assert one.object != another.object
    assert (await node.fetched(one), await other.fetched(another)) == (BYTES, BYTES[::-1])
    await node.store.release("a")
    assert await node.fetched(another) == BYTES[::-1]
    await other.store.discard("a")
    assert await node.keys() == []
    other_scratch.close()


async def test_attempt_that_ends_after_a_discard_is_listed_and_discarded(node: Node) -> None:
    await node.send(0, BYTES)
    late = await node.store.begin("a", len(BYTES), 4)
    await late.write(b"late")
    await node.store.discard("a")
    assert await node.store.list_ids() == []
    await late.commit()
    late.close()
    assert await node.store.list_ids() == ["a"]
    await node.store.discard("a")
    assert await node.keys() == []


async def test_discard_keeps_uploads_with_a_longer_id(node: Node) -> None:
    await node.send(0, b"a")
    longer = await node.store.begin("aa", 0, 1)
    await longer.write(b"b")
    await longer.commit()
    longer.close()
    await node.store.discard("a")
    assert await node.store.list_ids() == ["aa"]


async def test_lost_object_is_missing_for_good_and_an_absent_server_is_not(far: Node, relay: Relay) -> None:
    slices = [await far.send(0, b"first"), await far.send(5, b"second")]
    assert not await far.store.is_lost("a", slices)
    await far.client.delete([(await far.keys())[1]])
    with pytest.raises(FileNotFoundError):
        await far.fetched(*slices)
    assert await far.store.is_lost("a", slices)
    assert await far.store.is_lost("a", [Slice(0, 5)])
    await relay.drop()
    relay.cuts_up = [0] * 20
    with pytest.raises(StorageError):
        await far.store.is_lost("a", slices)
    relay.cuts_up.clear()


async def test_only_what_is_missing_is_read(far: Node, relay: Relay) -> None:
    slices = [await far.send(0, BYTES), await far.send(len(BYTES), b"more")]
    assert (await far.store.fetch("a", slices[:1], MIB)).path.stat().st_size == MIB
    assert (await far.store.fetch("a", slices, len(BYTES))).path.read_bytes() == BYTES
    await far.client.delete([(await far.keys())[0]])
    assert await far.fetched(*slices) == BYTES + b"more"


async def test_reading_goes_on_where_the_line_broke(far: Node, relay: Relay) -> None:
    slices = [await far.send(index * MIB, BYTES[index * MIB : (index + 1) * MIB]) for index in range(6)]
    await relay.drop()
    relay.cuts_down = [400_000, 600_000, 800_000]
    assert await far.fetched(*slices) == BYTES


async def test_copies_that_can_wait_leave_room_for_others(
    node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [await node.send(0, BYTES)]
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", lambda: MIB)
        await node.store.fetch("a", slices, MIB, ahead=True)
        with pytest.raises(StorageFull):
            await node.store.fetch("a", slices, MIB + 1, ahead=True)
        assert (await node.store.fetch("a", slices, 2 * MIB)).path.read_bytes() == BYTES[: 2 * MIB]


async def test_copy_for_which_there_is_no_room_is_not_begun(
    far: Node, relay: Relay, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = [await far.send(0, BYTES)]
    await far.store.fetch("a", slices, MIB)
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "free_bytes", lambda: len(BYTES) - MIB - 1)
        await relay.drop()
        before = relay.connections
        with pytest.raises(StorageFull):
            await far.fetched(*slices)
        assert relay.connections == before
    assert not scratch.path("a").exists()
    assert await far.fetched(*slices) == BYTES


async def test_copy_without_room_is_deleted(node: Node, scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [await node.send(0, BYTES)]

    async def full(*_given: Any) -> None:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(scratch, "write", full)
        with pytest.raises(StorageFull):
            await node.fetched(*slices)
    assert not scratch.path("a").exists()
    assert await node.fetched(*slices) == BYTES


async def test_large_parts_are_concatenated_inside_of_the_store(far: Node, relay: Relay) -> None:
    slices = [await far.send(0, BYTES), await far.send(len(BYTES), b"tail of the part")]
    length = slices[1].stop
    stored = await far.store.concatenate("whole", [("a", slices, length)] * 3)
    whole = [Slice(0, 3 * length, None, stored)]
    assert (await far.store.fetch("whole", whole, 3 * length)).path.read_bytes() == (BYTES + b"tail of the part") * 3
    await far.store.discard("a")
    await far.store.release("whole")
    assert not await far.store.is_lost("whole", whole)
    await far.store.discard("whole")
    assert await far.keys() == []


async def test_only_old_multipart_uploads_are_aborted(node: Node, client: S3Client) -> None:
    for key in ("uploads/a/0-1-x", "incoming/b"):
        await client.multiparts.create(key, metadata={})
    await node.store.clear_abandoned()
    assert len([found async for found in client.multiparts.list("")]) == 2
    await asyncio.sleep(1.1)
    await abort_abandoned(client, 0)
    assert [found async for found in client.multiparts.list("")] == []
