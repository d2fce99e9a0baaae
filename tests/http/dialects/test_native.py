"""Slices: in any order, repeated, in parallel, truncated, too long, damaged, from two writers."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import MIB, digest_field
from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Api

UPLOADS = "/api/v1/uploads"


async def test_slices_in_any_order_and_in_parallel_make_the_file(api: Api, shared_server: Server) -> None:
    data = make_mp3_of(3 * MIB, seed=21)
    upload = await api.create("parallel.mp3", len(data))
    offsets = list(range(0, len(data), 200_000))
    random.Random(1).shuffle(offsets)

    async def send(offset: int) -> None:
        piece = data[offset : offset + 200_000]
        answer = await (api.post if offset % 400_000 else api.put)(upload["id"], offset, piece)
        assert answer.status == 200, answer

    await asyncio.gather(*map(send, offsets))
    ended = await api.ended(upload["id"])
    assert ended["state"] == "spooled"
    assert (ended["offset"], ended["received"]) == (len(data), [[0, len(data)]])
    assert shared_server.store.read("parallel.mp3").endswith(data)


async def test_recorded_slices_are_listed(api: Api) -> None:
    data = make_mp3(8, seed=22)
    upload = await api.create(length=len(data))
    await api.post(upload["id"], 40_000, data[40_000:60_000])
    answer = await api.put(upload["id"], 0, data[:20_000])
    assert (answer.body["offset"], answer.body["received"]) == (20_000, [[0, 20_000], [40_000, 60_000]])
    recorded = (await api.get(f"{UPLOADS}/{upload['id']}/slices")).body
    assert [(piece["start"], piece["stop"]) for piece in recorded] == [(0, 20_000), (40_000, 60_000)]
    assert recorded[0]["digest"] is None
    assert digest_field(data[40_000:60_000]) == _as_field(recorded[1]["digest"])


@pytest.mark.once
async def test_repeated_slice_is_acknowledged_without_a_write(api: Api, shared_server: Server) -> None:
    data = make_mp3(8, seed=23)
    upload = await api.create(length=len(data))
    await api.post(upload["id"], 0, data[:20_000])
    partial = shared_server.partials / f"{upload['id']}.partial"
    before = partial.stat().st_mtime_ns
    for again in (api.post(upload["id"], 0, data[:20_000]), api.put(upload["id"], 0, data[:20_000])):
        answer = await again
        assert (answer.status, answer.body["offset"]) == (200, 20_000)
    within = await api.put(upload["id"], 4_000, data[4_000:10_000])
    assert within.status == 200
    assert partial.stat().st_mtime_ns == before


async def test_slice_of_another_file_is_refused(api: Api) -> None:
    data = make_mp3(8, seed=24)
    upload = await api.create(length=len(data))
    await api.post(upload["id"], 0, data[:20_000])
    answer = await api.post(upload["id"], 0, bytes(20_000))
    assert (answer.status, answer.code) == (422, "slice_differs")


async def test_partial_overlaps_are_refused_and_not_recorded(api: Api) -> None:
    upload = await api.create(length=200_000)
    await api.put(upload["id"], 20_000, bytes(20_000))
    for offset in (10_000, 30_000):
        for send in (api.put, api.post):
            answer = await send(upload["id"], offset, bytes(20_000))
            assert (answer.status, answer.code) == (400, "span_overlaps"), (offset, answer)
    assert (await api.show(upload["id"]))["received"] == [[20_000, 40_000]]


async def test_bytes_beyond_the_length_are_refused(api: Api) -> None:
    upload = await api.create(length=1_000)
    for send in (api.put, api.post):
        for offset, size in ((0, 1_001), (999, 2), (1_000, 1), (10**15, 1)):
            answer = await send(upload["id"], offset, bytes(size))
            assert (answer.status, answer.code) == (400, "span_outside"), (offset, size, answer)
    assert (await api.show(upload["id"]))["received"] == []


async def test_slice_over_the_limit_is_refused_with_the_limit(session: aiohttp.ClientSession, small: Api) -> None:
    upload = await small.create(length=10 * MIB)
    for send in (small.put, small.post):
        answer = await send(upload["id"], 0, bytes(2 * MIB))
        assert (answer.status, answer.code, answer.body["limit"]) == (413, "slice_too_large", MIB)
    upload = await small.create()

    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(100_000)

    answer = await small.put(upload["id"], 0, trickle())
    assert (answer.status, answer.code) == (413, "slice_too_large")


async def test_damaged_slice_is_refused_and_may_be_sent_again(api: Api) -> None:
    data = make_mp3(1, seed=25)
    upload = await api.create(length=len(data))
    damaged = bytes([data[0] ^ 1]) + data[1:]
    answer = await api.post(upload["id"], 0, damaged, digest=digest_field(data))
    assert (answer.status, answer.code) == (422, "digest_mismatch")
    answer = await api.put(upload["id"], 0, damaged, **{"Content-Digest": digest_field(data)})
    assert (answer.status, answer.code) == (422, "digest_mismatch")
    assert (await api.show(upload["id"]))["received"] == []
    assert (await api.send_all(upload["id"], data))["state"] == "spooled"


@pytest.mark.parametrize("offset", ["-1", "x", "1e3", "", "9" * 30, "٣"])
async def test_offset_that_is_not_a_number_is_refused(api: Api, offset: str) -> None:
    upload = await api.create(length=1_000)
    form = aiohttp.FormData({"offset": offset})
    form.add_field("slice", b"abc", filename="blob")
    answer = await api.request("POST", f"{UPLOADS}/{upload['id']}/slices", data=form)
    assert (answer.status, answer.code, answer.body["field"]) == (400, "malformed", "offset")


async def test_empty_slice_is_refused(api: Api) -> None:
    upload = await api.create(length=1_000)
    for send in (api.put, api.post):
        answer = await send(upload["id"], 0, b"")
        assert (answer.status, answer.code) == (400, "malformed")


async def test_slice_with_content_encoding_is_refused(api: Api) -> None:
    upload = await api.create(length=1_000)
    answer = await api.put(upload["id"], 0, b"abc", **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_refused_slice_sends_no_body_with_expect(api: Api) -> None:
    upload = await api.create(length=10)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 10_000
            yield bytes(10_000)

    answer = await api.request(
        "PUT",
        f"{UPLOADS}/{upload['id']}/slices/0",
        data=body(),
        expect100=True,
        headers={"Content-Length": "1000000"},
    )
    assert (answer.status, answer.code, sent) == (400, "span_outside", 0)


async def test_newest_writer_of_a_span_wins_and_the_older_is_superseded(api: Api) -> None:
    data = make_mp3(4, seed=26)
    upload = await api.create(length=len(data))
    started, go_on = asyncio.Event(), asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield data[:10_000]
        started.set()
        await go_on.wait()
        yield data[10_000:]

    # The body begins when the service has admitted the older one.
    headers = {"Content-Length": str(len(data)), "Expect": "100-continue"}
    older = asyncio.create_task(api.put(upload["id"], 0, stalled(), **headers))
    await started.wait()
    clock = asyncio.get_running_loop().time
    begun = clock()
    newer = await api.put(upload["id"], 0, data[:50_000])
    took = clock() - begun
    assert (newer.status, newer.body["offset"]) == (200, 50_000)
    go_on.set()
    older_response = await older
    # On a store without locks the newer one waits for nothing, and another process may hear of it too late.
    late = {(400, "span_overlaps")} if Server.cluster else set()
    assert (older_response.status, older_response.code) in {(409, "superseded")} | late
    assert took < 2, "a stale writer must not hold up its successor"
    assert (await api.show(upload["id"]))["received"] == [[0, 50_000]]


async def test_cancel_ends_a_stalled_writer(api: Api) -> None:
    upload = await api.create(length=100_000)
    started = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(10_000)
        started.set()
        await asyncio.Event().wait()

    writer = asyncio.create_task(api.put(upload["id"], 0, stalled()))
    await started.wait()
    await asyncio.sleep(0.1)
    assert (await api.request("DELETE", f"{UPLOADS}/{upload['id']}")).status == 204
    assert (await writer).status in (409, 410)


async def test_show_responds_while_a_writer_stalls(api: Api) -> None:
    upload = await api.create(length=100_000)
    started, go_on = asyncio.Event(), asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(20_000)
        started.set()
        await go_on.wait()

    writer = asyncio.create_task(api.put(upload["id"], 0, stalled()))
    await started.wait()
    async with asyncio.timeout(20):
        assert (await api.show(upload["id"]))["received"] == []
    go_on.set()
    assert (await writer).status == 200


async def test_idle_body_is_closed_and_its_span_can_be_sent_again(small: Api) -> None:
    upload = await small.create(length=100_000)
    go_on = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield bytes(20_000)
        await go_on.wait()

    writer = asyncio.create_task(small.put(upload["id"], 0, stalled()))
    await asyncio.sleep(1.5)
    go_on.set()
    answer = await writer
    assert (answer.status, answer.code) == (408, "idle_timeout")
    assert (await small.put(upload["id"], 0, bytes(20_000))).status == 200


async def test_small_slices_are_accepted_only_in_gaps_and_at_the_end(api: Api) -> None:
    upload = await api.create(length=100_000)
    for send in (api.put, api.post):
        answer = await send(upload["id"], 0, bytes(16_383))
        assert (answer.status, answer.code, answer.body["limit"]) == (400, "slice_too_small", 16_384)
    for offset, size in ((0, 16_384), (20_000, 16_384), (16_384, 3_616), (99_999, 1)):
        assert (await api.put(upload["id"], offset, bytes(size))).status == 200
    assert (await api.show(upload["id"]))["received"] == [[0, 36_384], [99_999, 100_000]]


async def test_without_a_length_any_slice_may_be_the_last(api: Api) -> None:
    data = make_mp3(2, seed=29)
    upload = await api.create()
    assert (await api.put(upload["id"], 0, data[:100])).status == 200
    assert (await api.put(upload["id"], 5000, data[5000:5100])).code == "slice_too_small"
    assert (await api.put(upload["id"], 100, data[100:])).status == 200
    answer = await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"length": len(data)})
    assert answer.status == 200
    assert (await api.ended(upload["id"]))["state"] == "spooled"


def _as_field(hexadecimal: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(hexadecimal)).decode()}:"
