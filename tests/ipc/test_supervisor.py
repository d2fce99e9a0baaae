"""Supervisor: the sidecar is restarted when it dies, and ends with the server."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.change import Change
from media_service.ipc.client import ConnectionLost
from media_service.ipc.supervisor import Supervisor
from tests.support.server import Server
from tests.support.sidecar import sidecar_of, wait_for_exit, wait_until_signal_is_ignored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.ipc.client import RpcClient

pytestmark = pytest.mark.slow

RESTART_TIMEOUT_SECONDS = 10.0

CREATE_TABLE = Change([("CREATE TABLE a (b)", {})]).plain()


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor("media_service.sidecar", ("catalogue", "storage"), str(tmp_path / "catalogue"))
    await supervisor.start()
    yield supervisor
    await supervisor.stop()


async def result_after_restart(client: RpcClient, request: object) -> object:
    """Call until the next process responds."""
    async with asyncio.timeout(RESTART_TIMEOUT_SECONDS):
        while True:
            try:
                return await client.call(request)
            except ConnectionLost:
                await asyncio.sleep(0.02)


async def test_every_service_responds(tmp_path: Path) -> None:
    async with running(tmp_path) as supervisor:
        assert await supervisor.clients["storage"].call(("sync_folder", os.fsencode(tmp_path))) is None
        assert await supervisor.clients["catalogue"].call(CREATE_TABLE) == (None, True, [])


async def test_process_has_ended_after_stop(tmp_path: Path) -> None:
    async with running(tmp_path):
        pid = sidecar_of(os.getpid())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_death_fails_pending_calls_and_the_next_process_responds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    os.mkfifo(tmp_path / "no-writer")
    async with running(tmp_path) as supervisor:
        storage, pid = supervisor.clients["storage"], sidecar_of(os.getpid())
        # Opening the pipe blocks until a writer opens it, and the later requests with it.
        storage.notify(("open", os.fsencode(tmp_path / "no-writer")))
        calls = [storage.call(("sync", os.fsencode(tmp_path / "file"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)
        os.kill(pid, signal.SIGKILL)
        for call in calls:
            with pytest.raises(ConnectionLost):
                await call
        assert not supervisor.is_running()
        assert await result_after_restart(storage, ("sync", os.fsencode(tmp_path / "file"))) is None
        assert await result_after_restart(supervisor.clients["catalogue"], CREATE_TABLE) == (None, True, [])
        assert supervisor.is_running()
        assert sidecar_of(os.getpid()) != pid
    assert not supervisor.is_running()


async def test_failing_service_ends_the_process_and_the_next_one_responds(tmp_path: Path) -> None:
    async with running(tmp_path) as supervisor:
        storage, pid = supervisor.clients["storage"], sidecar_of(os.getpid())
        with pytest.raises(ConnectionLost):
            await storage.call(("no such method",))
        assert await result_after_restart(storage, ("sync_folder", os.fsencode(tmp_path))) is None
        assert sidecar_of(os.getpid()) != pid


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
