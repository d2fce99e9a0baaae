"""Slices as objects: on broken lines and busy servers, of two nodes at once, and after a discard."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.upload import Slice
from media_service.storage.s3 import scratch as scratches
from media_service.storage.s3 import slice_writer
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.sweeper import abort_abandoned
from tests.storage.partials import open_files
from tests.storage.s3.upload_node import BYTES, MIB, SHA256, Node, far, node

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.storage.s3.client import S3Client
    from tests.storage.s3.relay import Relay
    from tests.support.s3 import Bucket

__all__ = ["far", "node"]

pytestmark = pytest.mark.usefixtures("quick")


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
