"""The process aside: started anew when it dies, gone when the server is."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media_service.ipc.client import ConnectionLost
from media_service.ipc.supervisor import Supervisor
from tests.support.server import Server
from tests.support.sidecar import sidecar_of, wait_for_end, wait_until_it_ignores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.ipc.client import RpcClient

pytestmark = pytest.mark.slow

RESTARTS_WITHIN = 10.0


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Supervisor]:
    aside = Supervisor("media_service.sidecar", ("catalogue", "storage"), str(tmp_path / "catalogue"))
    await aside.start()
    yield aside
    await aside.stop()


async def answers_again(line: RpcClient, question: object) -> object:
    """The answer, from the next process."""
    async with asyncio.timeout(RESTARTS_WITHIN):
        while True:
            try:
                return await line.ask(question)
            except ConnectionLost:
                await asyncio.sleep(0.02)


async def test_it_answers_on_each_line(tmp_path: Path) -> None:
    async with running(tmp_path) as aside:
        assert await aside.lines["storage"].ask(("sync_folder", os.fsencode(tmp_path))) is None
        assert await aside.lines["catalogue"].ask([("CREATE TABLE a (b)", ())]) is None


async def test_it_has_ended_when_it_was_stopped(tmp_path: Path) -> None:
    async with running(tmp_path):
        pid = sidecar_of(os.getpid())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_those_who_wait_hear_of_its_death_and_the_next_one_answers(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"here")
    os.mkfifo(tmp_path / "nobody-writes")
    async with running(tmp_path) as aside:
        line, pid = aside.lines["storage"], sidecar_of(os.getpid())
        # It waits for a writer, and everything that is asked behind it waits with it.
        line.tell(("hold", os.fsencode(tmp_path / "nobody-writes")))
        waiting = [line.ask(("sync", os.fsencode(tmp_path / "file"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert not any(asking.done() for asking in waiting)
        os.kill(pid, signal.SIGKILL)
        for asking in waiting:
            with pytest.raises(ConnectionLost):
                await asking
        assert not aside.answers()
        assert await answers_again(line, ("sync", os.fsencode(tmp_path / "file"))) is None
        assert await answers_again(aside.lines["catalogue"], [("CREATE TABLE a (b)", ())]) is None
        assert aside.answers()
        assert sidecar_of(os.getpid()) != pid


async def test_a_service_that_breaks_takes_the_process_with_it_and_the_next_one_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as aside:
        line, pid = aside.lines["storage"], sidecar_of(os.getpid())
        with pytest.raises(ConnectionLost):
            await line.ask(("no such question",))
        assert await answers_again(line, ("sync_folder", os.fsencode(tmp_path))) is None
        assert sidecar_of(os.getpid()) != pid


def test_a_killed_server_leaves_no_process_behind(data: Path) -> None:
    server = Server(data, disk_reserve=0).start()
    pid = server.aside
    server.kill()
    wait_for_end(pid)


def test_signals_to_the_whole_group_are_the_servers_to_handle(data: Path) -> None:
    with Server(data, disk_reserve=0) as server:
        pid = server.aside
        assert os.getsid(pid) != os.getsid(server.pid)
        for number in (signal.SIGTERM, signal.SIGINT):
            wait_until_it_ignores(pid, number)
            os.kill(pid, number)
        assert server.aside == pid
