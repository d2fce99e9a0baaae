"""SIGTERM: open slices end or are dropped, the process exits soon, and clients continue afterwards."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.api import MIB, Api
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """Yield a server for one test."""
    with Server(data, disk_reserve=0, shutdown_timeout=2) as server:
        yield server


async def test_stalled_slice_does_not_delay_the_shutdown(server: Server, session: aiohttp.ClientSession) -> None:
    api = Api(session, server.url, server.token)
    whole = make_mp3_of(MIB, seed=71)
    upload = await api.create("stopped.mp3", len(whole))
    await api.put(upload["id"], 0, whole[:20_000])
    _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head("PUT", f"/api/v1/uploads/{upload['id']}/slices/20000", length=len(whole) - 20_000) + whole[:5000])
    await writer.drain()
    begun = time.monotonic()
    assert await asyncio.to_thread(server.stop) == 0
    assert time.monotonic() - begun < 10
    writer.close()
    server.start()
    assert (await api.show(upload["id"]))["received"] == [[0, 20_000]]
    assert (await api.put(upload["id"], 20_000, whole[20_000:])).status == 200
    assert (await api.ended(upload["id"]))["state"] == "spooled"


async def test_two_servers_never_share_a_data_folder(server: Server) -> None:
    second = Server(server.data)
    with pytest.raises(AssertionError, match="did not start"):
        await asyncio.to_thread(second.start)
    assert second.process is not None
    assert second.process.wait(10) == 1
    assert second.process.stdout is not None
    second.process.stdout.close()
