"""Any process dies at any time while clients send over bad lines: nothing acknowledged is lost, nothing is left.

`CHAOS` is the number of kills, 6 by default: of each six, three receivers, the finisher, the sidecar, the supervisor.
`SEED` repeats the choices of a run, not the order of what happens in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.storage.data_folder import DataFolder
from tests.server.tree import until
from tests.support.api import Api
from tests.support.server import Server
from tests.support.sidecar import named_children
from tests.torture.bad_lines import BadLines
from tests.torture.chaos import check_files, end_unheard, files_of, seed_in_failures, send_one_more, send_while_killing
from tests.torture.chaotic_clients import AppendSender, Sender, SliceSender

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = int(os.environ.get("CHAOS", "6"))
SEED = int(os.environ.get("SEED", "20261129"))
VICTIMS = ("media-receiver",) * 3 + ("media-finisher", "media-sidecar", "supervisor")
WORKERS = 3


class Reader:
    """Take some of the finished files out of the spool as soon as they are there; never one name twice."""

    def __init__(self, spool: Path, folder: Path) -> None:
        self._spool = spool
        self._folder = folder
        self._random = random.Random(SEED)
        self._left: set[str] = set()
        folder.mkdir()

    async def run(self) -> None:
        """Look into the spool until cancelled."""
        while True:
            for path in self._spool.iterdir():
                if path.name not in self._left and self._random.random() < 0.5:
                    assert not (self._folder / path.name).exists(), f"{path.name} came twice"
                    path.rename(self._folder / path.name)
                else:
                    self._left.add(path.name)
            await asyncio.sleep(0.02)

    def files(self) -> dict[str, bytes]:
        """Return every file that came, by its name."""
        assert not {path.name for path in self._folder.iterdir()} & {path.name for path in self._spool.iterdir()}
        return {path.name: path.read_bytes() for folder in (self._spool, self._folder) for path in folder.iterdir()}


@pytest.mark.timeout(90 + 10 * KILLS)
async def test_killed_processes_lose_nothing_and_leave_nothing(data: Path) -> None:
    settings: dict[str, Any] = {
        "verdict_wait_slice": 0.05,
        "verdict_wait_append": 1,
        "sweep_interval": 1,
        "disk_reserve": 0,
    }
    with (
        seed_in_failures(SEED=SEED, CHAOS=KILLS),
        Server(data, workers=WORKERS, log=data.parent / "log", **settings) as server,
    ):
        lines, reader = BadLines([server], random.Random(SEED)), Reader(server.spool, data.parent / "taken")
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            api = Api(session, server.url, server.token)
            senders: list[Sender] = [SliceSender(number, SEED, lines, [api]) for number in range(3)]
            senders += [AppendSender(number, SEED, lines, [api]) for number in range(3, 5)]
            source = random.Random(SEED)
            await send_while_killing(lines, senders, _kills(server, source), source, reader.run())
            lines.close()
            await end_unheard(api, senders)
            await asyncio.to_thread(until, lambda: _left_on_disk(server) == [])
            await send_one_more(api, senders[0], SEED)
            files = await files_of(api, senders)
        check_files(files, reader.files(), senders)
        assert lines.cuts > KILLS
        assert lines.answered_twice > KILLS
    _check_catalogue(data, files)


def _kills(server: Server, source: random.Random) -> list[Callable[[], None]]:
    """Return what kills one process after the other: every kind before one comes again."""
    rounds = range(-(-KILLS // len(VICTIMS)))
    victims = [victim for _ in rounds for victim in source.sample(VICTIMS, len(VICTIMS))]
    return [partial(_kill, server, victim, source) for victim in victims[:KILLS]]


def _kill(server: Server, victim: str, source: random.Random) -> None:
    """Kill a process of this kind. The test starts the supervisor again, and the supervisor the others."""
    if victim == "supervisor":
        server.restart()
        return
    until(lambda: named_children(server.pid, victim))
    with suppress(ProcessLookupError, IndexError):
        os.kill(source.choice(named_children(server.pid, victim)), signal.SIGKILL)


def _left_on_disk(server: Server) -> list[str]:
    """Return partials and half-made files."""
    return [*server.store.unfinished(), *server.store.assembled(), *server.store.rejected()]


def _check_catalogue(data: Path, files: dict[str, dict[str, Any]]) -> None:
    """Assert that every upload has ended, and no row is left that only an unfinished upload has."""
    with sqlite3.connect(DataFolder(data).catalogue) as database:
        spooled = dict(database.execute("SELECT id, file_id FROM uploads WHERE state != 'cancelled'"))
        assert spooled == {upload_id: file["id"] for upload_id, file in files.items()}
        assert dict(database.execute("SELECT upload_id, id FROM files")) == spooled
        for left in ("slices", "covers", "uploads WHERE address IS NOT NULL"):
            assert database.execute(f"SELECT count(*) FROM {left}").fetchone() == (0,), left
    database.close()
