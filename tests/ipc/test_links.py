"""Links to the sidecar: every process reaches every service, also after the sidecar was restarted."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media_service.ipc.bus import SidecarBus
from media_service.ipc.client import ConnectionLost
from media_service.ipc.links import SidecarLinks
from tests.support.sidecar import Sidecar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from media_service.ipc.client import RpcClient

pytestmark = pytest.mark.slow

SERVICES = ("catalogue", "storage", "bus")
RESTART_TIMEOUT_SECONDS = 10.0
CREATE: object = ([("CREATE TABLE IF NOT EXISTS a (b)", {})], None, [], False)
DONE: object = (None, True, [])


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    with Sidecar(tmp_path) as sidecar:
        yield sidecar


@asynccontextmanager
async def linked(path: Path) -> AsyncIterator[SidecarLinks]:
    """Yield the links of one process."""
    links = SidecarLinks(path, SERVICES)
    async with asyncio.timeout(RESTART_TIMEOUT_SECONDS):
        await links.start()
    yield links
    await links.stop()


async def result_after_restart(client: RpcClient, request: object) -> object:
    """Call until the next process responds."""
    async with asyncio.timeout(RESTART_TIMEOUT_SECONDS):
        while True:
            try:
                return await client.call(request)
            except ConnectionLost:
                await asyncio.sleep(0.02)


async def test_every_service_responds_to_every_process(sidecar: Sidecar, tmp_path: Path) -> None:
    async with linked(sidecar.path) as first, linked(sidecar.path) as second:
        for links in (first, second):
            assert links.is_connected()
            assert await links.clients["storage"].call(("sync_folder", os.fsencode(tmp_path))) is None
            assert await links.clients["catalogue"].call(CREATE) == DONE
        heard = asyncio.Event()
        SidecarBus(second.clients["bus"]).subscribe("recorded", heard.set)
        SidecarBus(first.clients["bus"]).publish("recorded")
        async with asyncio.timeout(RESTART_TIMEOUT_SECONDS):
            await heard.wait()


async def test_sidecar_ends_when_the_last_link_is_closed(sidecar: Sidecar) -> None:
    async with linked(sidecar.path) as links:
        ending = asyncio.create_task(asyncio.to_thread(sidecar.end))
        await asyncio.sleep(0.1)
        assert await links.clients["catalogue"].call(CREATE) == DONE
        assert not ending.done()
    assert await ending == 0


async def test_socket_is_private_and_its_path_may_be_long(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    with Sidecar(folder) as sidecar:
        async with linked(sidecar.path) as links:
            assert stat.S_IMODE(sidecar.path.stat().st_mode) == 0o600
            assert await links.clients["catalogue"].call(CREATE) == DONE


async def test_death_fails_pending_calls_and_the_next_process_responds(sidecar: Sidecar, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    os.mkfifo(tmp_path / "no-writer")
    async with linked(sidecar.path) as links, linked(sidecar.path) as others:
        storage = links.clients["storage"]
        # Opening the pipe blocks until a writer opens it, and the later requests with it.
        storage.notify(("open", os.fsencode(tmp_path / "no-writer")))
        calls = [storage.call(("sync", os.fsencode(tmp_path / "file"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)
        sidecar.kill()
        for call in calls:
            with pytest.raises(ConnectionLost):
                await call
        # The socket still listens, but nobody serves it.
        await asyncio.sleep(0.1)
        assert not links.is_connected()
        sidecar.start()
        for again in (links, others):
            sync = ("sync", os.fsencode(tmp_path / "file"))
            assert await result_after_restart(again.clients["storage"], sync) is None
            assert await result_after_restart(again.clients["catalogue"], CREATE) == DONE
    assert not links.is_connected()


async def test_failing_service_ends_the_process(sidecar: Sidecar) -> None:
    async with linked(sidecar.path) as links:
        with pytest.raises(ConnectionLost):
            await links.clients["storage"].call(("no such method",))
        assert sidecar.process is not None
        assert await asyncio.to_thread(sidecar.process.wait, RESTART_TIMEOUT_SECONDS) == 1
        sidecar.start()
        assert await result_after_restart(links.clients["catalogue"], CREATE) == DONE


async def test_stranger_who_names_no_service_delays_and_ends_nothing(sidecar: Sidecar) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(sidecar.path))
        async with linked(sidecar.path) as links:
            assert await links.clients["catalogue"].call(CREATE) == DONE
    assert sidecar.end() == 0


async def test_sidecar_ignores_signals(sidecar: Sidecar) -> None:
    async with linked(sidecar.path) as links:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(sidecar.pid, number)
        assert await links.clients["catalogue"].call(CREATE) == DONE
