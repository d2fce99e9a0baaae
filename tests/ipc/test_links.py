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
from media_service.ipc.supervisor import Supervisor
from tests.support.server import Server
from tests.support.sidecar import sidecar_of, wait_for_exit, wait_until_signal_is_ignored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.ipc.client import RpcClient

pytestmark = pytest.mark.slow

SERVICES = ("catalogue", "storage", "bus")
RESTART_TIMEOUT_SECONDS = 10.0
CREATE: object = (False, [("CREATE TABLE IF NOT EXISTS a (b)", ())])


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Path]:
    """Yield the path of a sidecar's socket."""
    path = folder / "socket"
    supervisor = Supervisor("media_service.sidecar", path, str(folder / "catalogue"))
    await supervisor.start()
    yield path
    await supervisor.stop()


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


async def test_every_service_responds_to_every_process(tmp_path: Path) -> None:
    async with running(tmp_path) as path, linked(path) as first, linked(path) as second:
        for links in (first, second):
            assert links.is_connected()
            assert await links.clients["storage"].call(("sync_folder", os.fsencode(tmp_path))) is None
            assert await links.clients["catalogue"].call(CREATE) is None
        heard = asyncio.Event()
        SidecarBus(second.clients["bus"]).subscribe("recorded", heard.set)
        SidecarBus(first.clients["bus"]).publish("recorded")
        async with asyncio.timeout(RESTART_TIMEOUT_SECONDS):
            await heard.wait()


async def test_process_has_ended_after_stop_which_waits_for_every_link(tmp_path: Path) -> None:
    async with running(tmp_path) as path:
        pid = sidecar_of(os.getpid())
        async with linked(path):
            pass
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_socket_is_private_and_its_path_may_be_long(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    async with running(folder) as path, linked(path) as links:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await links.clients["catalogue"].call(CREATE) is None


async def test_death_fails_pending_calls_and_the_next_process_responds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    os.mkfifo(tmp_path / "no-writer")
    async with running(tmp_path) as path, linked(path) as links, linked(path) as others:
        storage, pid = links.clients["storage"], sidecar_of(os.getpid())
        # Opening the pipe blocks until a writer opens it, and the later requests with it.
        storage.notify(("open", os.fsencode(tmp_path / "no-writer")))
        calls = [storage.call(("sync", os.fsencode(tmp_path / "file"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)
        os.kill(pid, signal.SIGKILL)
        for call in calls:
            with pytest.raises(ConnectionLost):
                await call
        assert not links.is_connected()
        for again in (links, others):
            sync = ("sync", os.fsencode(tmp_path / "file"))
            assert await result_after_restart(again.clients["storage"], sync) is None
            assert await result_after_restart(again.clients["catalogue"], CREATE) is None
        assert sidecar_of(os.getpid()) != pid
    assert not links.is_connected()


async def test_failing_service_ends_the_process_and_the_next_one_responds(tmp_path: Path) -> None:
    async with running(tmp_path) as path, linked(path) as links:
        storage, pid = links.clients["storage"], sidecar_of(os.getpid())
        with pytest.raises(ConnectionLost):
            await storage.call(("no such method",))
        assert await result_after_restart(storage, ("sync_folder", os.fsencode(tmp_path))) is None
        assert sidecar_of(os.getpid()) != pid


async def test_stranger_who_names_no_service_delays_and_ends_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as path:
        pid = sidecar_of(os.getpid())
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(path))
            async with linked(path) as links:
                assert await links.clients["catalogue"].call(CREATE) is None
        assert sidecar_of(os.getpid()) == pid


def test_sidecar_ends_after_its_server_is_killed(data: Path) -> None:
    server = Server(data, disk_reserve=0).start()
    pid = server.sidecar
    server.kill()
    wait_for_exit(pid)


def test_sidecar_ignores_signals_to_the_process_group(data: Path) -> None:
    with Server(data, disk_reserve=0) as server:
        pid = server.sidecar
        assert os.getsid(pid) != os.getsid(server.pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            wait_until_signal_is_ignored(pid, number)
            os.kill(pid, number)
        assert server.sidecar == pid
