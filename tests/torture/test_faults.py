"""Injected disk errors and delays: no lost byte is acknowledged, and other uploads continue."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.api import MIB, Api, digest_field
from tests.support.faults import fault
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import aiohttp

DATA = make_mp3_of(4 * MIB, seed=101)


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """Yield a server for one test."""
    with Server(data, disk_reserve=0, verdict_wait_slice=0.2, idle_timeout=2) as server:
        yield server


@pytest.fixture
def api(server: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, server.url, server.token)


def partial_of(server: Server, upload: dict[str, str]) -> Path:
    """Return the upload's partial."""
    return server.partials / f"{upload['id']}.partial"


@pytest.mark.parametrize(
    ("call", "what", "status", "code"),
    [
        ("fdatasync", "error=EIO", 503, "storage_error"),
        ("fdatasync", "error=ENOSPC", 507, "storage_full"),
        ("pwrite64", "error=EIO", 503, "storage_error"),
        ("pwrite64", "error=ENOSPC", 507, "storage_full"),
        ("pwrite64", "error=EDQUOT", 507, "storage_full"),
    ],
)
async def test_failing_disk_drops_the_slice_and_nothing_else(
    server: Server, api: Api, call: str, what: str, status: int, code: str
) -> None:
    upload = await api.create("faulty.mp3", len(DATA))
    assert (await api.put(upload["id"], 0, DATA[:MIB])).status == 200
    syncs = call == "fdatasync"
    with fault(server.sidecar if syncs else server.receiver, partial_of(server, upload), call, what):
        response = await api.post(upload["id"], MIB, DATA[MIB : 2 * MIB])
        assert (response.status, response.code) == (status, code)
        assert "Retry-After" in response.headers
    assert (await api.show(upload["id"]))["received"] == [[0, MIB]]
    assert (await api.send_all(upload["id"], DATA))["state"] == "spooled"
    assert (server.spool / "faulty.mp3").read_bytes().endswith(DATA)


async def test_failed_sync_discards_every_slice_written_before_it(server: Server, api: Api) -> None:
    """Eight slices wait for a sync that fails: no later sync may acknowledge them."""
    upload = await api.create("together.mp3", len(DATA))
    size = len(DATA) // 8
    with fault(server.sidecar, partial_of(server, upload), "fdatasync", "error=EIO:when=1"):
        responses = await asyncio.gather(
            *(api.put(upload["id"], start, DATA[start : start + size]) for start in range(0, 8 * size, size))
        )
    acknowledged = sum(response.status == 200 for response in responses)
    assert acknowledged < 8
    shown = await api.show(upload["id"])
    assert sum(stop - start for start, stop in shown["received"]) == acknowledged * size
    assert (await api.send_all(upload["id"], DATA, size))["state"] == "spooled"
    assert (server.spool / "together.mp3").read_bytes().endswith(DATA)


async def test_large_slices_are_accepted_again_after_a_kill_of_the_sidecar(server: Server, api: Api) -> None:
    """The sidecar is killed repeatedly while slices arrive."""
    data = make_mp3_of(24 * MIB, seed=102)
    upload = await api.create("aside.mp3", len(data))

    async def kill() -> None:
        while True:
            os.kill(await asyncio.to_thread(lambda: server.sidecar), signal.SIGKILL)
            await asyncio.sleep(1.3)

    killing = asyncio.create_task(kill())
    refused = 0
    for start in range(0, len(data), 4 * MIB):
        while (response := await api.post(upload["id"], start, data[start : start + 4 * MIB])).status != 200:
            assert response.code in {"storage_error", "catalogue_error"}, response
            refused += 1
            await asyncio.sleep(0.1)
    killing.cancel()
    assert refused
    assert (await api.ended(upload["id"]))["state"] == "spooled"
    assert (server.spool / "aside.mp3").read_bytes().endswith(data)


@pytest.mark.parametrize("right", [True, False])
async def test_a_disconnect_while_a_slice_is_read_back_loses_nothing(server: Server, api: Api, right: bool) -> None:
    upload = await api.create("left.mp3", len(DATA))
    piece = DATA[: 3 * MIB]
    digest = digest_field(piece if right else DATA)
    with fault(server.sidecar, partial_of(server, upload), "preadv,preadv2", "delay_enter=30000"):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        path = f"/api/v1/uploads/{upload['id']}/slices/0"
        writer.write(head("PUT", path, f"Content-Digest: {digest}", length=len(piece)) + piece)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
        assert (await api.show(upload["id"]))["received"] == []
        # A second request for this span waits for its lease.
        assert (await api.put(upload["id"], 0, piece)).status == 200
    recorded = (await api.get(f"/api/v1/uploads/{upload['id']}/slices")).body
    assert [(one["stop"], bool(one["digest"])) for one in recorded] == [(len(piece), right)]
    assert (await api.send_all(upload["id"], DATA))["state"] == "spooled"


async def test_slow_writes_of_one_upload_do_not_delay_others(server: Server, api: Api) -> None:
    slow, quick = await api.create("slow.mp3", len(DATA)), await api.create("quick.mp3", len(DATA))
    clock = asyncio.get_running_loop().time
    waits: list[float] = []
    with fault(server.receiver, partial_of(server, slow), "pwrite64", "delay_enter=300000"):
        sending = asyncio.create_task(api.send_all(slow["id"], DATA, MIB // 4))
        while not sending.done() and len(waits) < 30:
            begun = clock()
            await api.show(quick["id"])
            waits.append(clock() - begun)
            await asyncio.sleep(0.05)
        await sending
    # The first slow write blocks the event loop; later ones run in threads.
    assert sorted(waits)[len(waits) // 2] < 0.15, waits


async def test_trickling_client_is_ended_and_its_span_is_free(server: Server, api: Api) -> None:
    upload = await api.create("trickle.mp3", len(DATA))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", length=MIB))

    async def trickle() -> None:
        for byte in DATA[:MIB]:
            writer.write(bytes([byte]))
            await asyncio.sleep(1)

    trickling = asyncio.create_task(trickle())
    await asyncio.sleep(1.2)
    begun = asyncio.get_running_loop().time()
    assert (await api.put(upload["id"], 0, DATA[:MIB])).status == 200
    assert asyncio.get_running_loop().time() - begun < 1.5
    assert b" 409 " in await reader.readline()
    trickling.cancel()
    writer.close()


async def test_two_writers_of_one_span_leave_the_bytes_of_the_acknowledged_one(server: Server, api: Api) -> None:
    """Two clients repeatedly write different contents to the same span at the same time."""
    for turn in range(20):
        contents = [bytes([turn * 2 + number]) * MIB for number in (0, 1)]
        upload = await api.create("contested.mp3", 2 * MIB)

        async def send(content: bytes, upload_id: str = upload["id"]) -> int:
            async def body() -> AsyncIterator[bytes]:
                for at in range(0, MIB, MIB // 8):
                    yield content[at : at + MIB // 8]
                    await asyncio.sleep(0.001)

            headers = {"Content-Digest": digest_field(content)}
            return (await api.put(upload_id, 0, body(), **headers)).status

        statuses = await asyncio.gather(*map(send, contents))
        stored = partial_of(server, upload).read_bytes()[:MIB]
        recorded = (await api.get(f"/api/v1/uploads/{upload['id']}/slices")).body
        assert statuses.count(200) == 1, statuses
        assert stored == contents[statuses.index(200)]
        assert [piece["digest"] for piece in recorded] == [hashlib.sha256(stored).hexdigest()]
