"""Nodes that hear nothing of each other: what one remembers does not matter for what its clients are told.

Where slices are objects, no node asks the catalogue before it receives one: the transaction that records it decides.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_service.core.errors.uploads import OffsetMismatch, SliceDiffers, SpanOverlaps, UploadGone
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.callers import ME
from tests.intake.finishing import finish_all, the_rows
from tests.intake.objects import object_nodes
from tests.intake.receivers import MP3, PIECE, SIZE, Body, begin, of, send
from tests.support.s3 import Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

__all__ = ["buckets"]

EDGES = [*(SIZE * sixth // 6 for sixth in range(7))]
CONTENTS = [MP3, bytes(SIZE)]

spans = st.lists(st.integers(0, 6), min_size=2, max_size=2, unique=True).map(sorted)
sends = st.tuples(st.integers(0, 1), spans, st.integers(0, 1))


@pytest_asyncio.fixture
async def nodes(buckets: Buckets, tmp_path: Path) -> AsyncIterator[Any]:
    async with object_nodes(tmp_path / "data", buckets.on("versitygw").location(), is_deaf=True) as nodes:
        yield nodes


async def begin_on_both(nodes: Any) -> str:
    """Return an upload that both remember: its first piece came through the second."""
    upload_id = await begin(nodes[0])
    await send(nodes[1], upload_id, 0, PIECE)
    return upload_id


async def check_spooled(nodes: Any, upload_id: str) -> None:
    """Finish a complete upload on the first, and assert that the second acknowledges a slice and nothing is left."""
    await finish_all(nodes[0])
    assert await send(nodes[1], upload_id, PIECE, 2 * PIECE) is State.SPOOLED
    await nodes[0].leftovers.clear()
    assert await nodes[0].store.list_ids() == []


def expected(recorded: dict[Span, bytes], span: Span, digest: bytes) -> type[Exception] | None:
    """Return the refusal of a slice, None if it is to be recorded or acknowledged."""
    ranges = Ranges(recorded)
    if recorded.get(span, digest) != digest:
        return SliceDiffers
    return SpanOverlaps if ranges.overlaps(span) and not ranges.covers(span) else None


@given(steps=st.lists(sends, min_size=2, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_slices_through_either_node_have_the_outcome_of_one_node(
    nodes: Any, steps: Sequence[tuple[int, list[int], int]]
) -> None:
    upload_id = await begin(nodes[0])
    recorded: dict[Span, bytes] = {}
    for number, (first, last), content in steps:
        span = Span(EDGES[first], EDGES[last])
        digest = hashlib.sha256(CONTENTS[content][span.start : span.stop]).digest()
        refusal = expected(recorded, span, digest)
        if refusal is None:
            await send(nodes[number], upload_id, span.start, span.stop, CONTENTS[content])
            if not Ranges(recorded).covers(span):
                recorded[span] = digest
        else:
            with pytest.raises(refusal):
                await send(nodes[number], upload_id, span.start, span.stop, CONTENTS[content])
    upload, slices = await nodes[0].database.load(upload_id)
    assert {Span(piece.start, piece.stop): piece.digest for piece in slices} == recorded
    assert not await nodes[0].store.is_lost(upload_id, slices)
    assert (upload.state is State.RECEIVED) == Ranges(recorded).covers(Span(0, SIZE))


async def test_slices_sent_to_both_at_once_become_one_file(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    starts = [start for start in range(0, SIZE, PIECE) for _ in range(2)]
    pieces = [send(nodes[number % 2], upload_id, start, start + PIECE) for number, start in enumerate(starts)]
    await asyncio.gather(*pieces)
    await finish_all(nodes[1])
    _, file = await the_rows(nodes[0], upload_id)
    assert (await nodes[0].stored(file.spool_entry.name)).endswith(MP3[-50_000:])


async def test_slice_of_an_upload_that_another_node_cancelled_is_refused_and_deleted(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    await nodes[0].intake.cancel(upload_id, ME)
    with pytest.raises(UploadGone):
        await send(nodes[1], upload_id, PIECE, 2 * PIECE)
    await nodes[0].leftovers.clear()
    assert await nodes[0].keys() == []


async def test_slice_of_an_upload_that_another_node_completed_is_acknowledged(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    await send(nodes[0], upload_id, PIECE, SIZE)
    assert await send(nodes[1], upload_id, PIECE, 2 * PIECE) is State.RECEIVED
    await check_spooled(nodes, upload_id)


async def test_slice_of_an_upload_that_another_node_finished_is_acknowledged(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    await send(nodes[0], upload_id, PIECE, SIZE)
    await check_spooled(nodes, upload_id)


async def test_response_to_a_slice_has_what_another_node_changed(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    await nodes[0].intake.edits.amend(upload_id, ME, tags={"title": "일요일"})
    request = SliceRequest(PIECE, PIECE, None, "native")
    view = await nodes[1].intake.receive(upload_id, ME, request, of(MP3[PIECE : 2 * PIECE]))
    assert view.upload.tags["title"] == "일요일"


async def test_append_is_told_its_offset_before_its_body_is_read(nodes: Any) -> None:
    upload_id = await begin_on_both(nodes)
    await send(nodes[0], upload_id, PIECE, 2 * PIECE)
    request, never = SliceRequest(PIECE, PIECE, None, "native", appends=True), Body()
    async with asyncio.timeout(5):
        with pytest.raises(OffsetMismatch):
            await nodes[1].intake.receive(upload_id, ME, request, never)
