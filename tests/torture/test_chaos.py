"""Any process dies at any time while clients send over bad lines: nothing acknowledged is lost, nothing is left.

`CHAOS` is the number of kills, 6 by default: of each six, three receivers, the finisher, the sidecar, the supervisor.
`SEED` repeats the choices of a run, not the order of what happens in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.storage.data_folder import DataFolder
from tests.server.tree import until
from tests.support.api import Api
from tests.support.mp3 import HEADER, make_mp3_of
from tests.support.server import Server
from tests.support.sidecar import named_children
from tests.torture.bad_lines import BadLines
from tests.torture.chaotic_clients import AppendSender, Sender, SliceSender

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = int(os.environ.get("CHAOS", "6"))
SEED = int(os.environ.get("SEED", "20261129"))
VICTIMS = ("media-receiver",) * 3 + ("media-finisher", "media-sidecar", "supervisor")
WORKERS = 3
MAX_SLICES = 60
"""Maximum of slices and appends that are recorded between two kills."""


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
        _seed_in_failures(),
        Server(data, workers=WORKERS, log=data.parent / "log", **settings) as server,
    ):
        lines, reader = BadLines(server, random.Random(SEED)), Reader(server.spool, data.parent / "taken")
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            api = Api(session, server.url, server.token)
            senders: list[Sender] = [SliceSender(number, SEED, lines, api) for number in range(3)]
            senders += [AppendSender(number, SEED, lines, api) for number in range(3, 5)]
            await _send_while_processes_die(lines, senders, reader)
            lines.close()
            await _end_unheard(api, senders)
            await asyncio.to_thread(until, lambda: _left_on_disk(server) == [])
            await _send_one_more(api, senders[0])
            files = await _files(api, senders)
        _check_files(files, reader.files(), senders)
        assert lines.cuts > KILLS
        assert lines.answered_twice > KILLS
    _check_catalogue(data, files)


@contextmanager
def _seed_in_failures() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"SEED={SEED} CHAOS={KILLS}")
        raise


async def _send_while_processes_die(lines: BadLines, senders: list[Sender], reader: Reader) -> None:
    """Kill one process after the other while all send; return when every file that was begun is finished."""
    source, stop = random.Random(SEED), asyncio.Event()
    sending = [asyncio.create_task(sender.run(stop)) for sender in senders]
    tasks = [*sending, asyncio.create_task(reader.run())]
    try:
        for number in range(KILLS):
            if number % len(VICTIMS) == 0:
                victims = source.sample(VICTIMS, len(VICTIMS))
            # Now and then two die together.
            goal = lines.recorded + source.choice([0, 1, 1]) * source.randint(1, MAX_SLICES)
            while lines.recorded < goal:
                await asyncio.sleep(0.01)
                _fail_early(tasks)
            await asyncio.to_thread(_kill, lines.server, victims[number % len(VICTIMS)], source)
            await asyncio.gather(*(sender.check() for sender in senders))
            _fail_early(tasks)
        stop.set()
        await asyncio.gather(*sending)
    finally:
        for task in tasks:
            task.cancel()


def _fail_early(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


def _kill(server: Server, victim: str, source: random.Random) -> None:
    """Kill a process of this kind. The test starts the supervisor again, and the supervisor the others."""
    if victim == "supervisor":
        server.restart()
        return
    until(lambda: named_children(server.pid, victim))
    with suppress(ProcessLookupError, IndexError):
        os.kill(source.choice(named_children(server.pid, victim)), signal.SIGKILL)


async def _end_unheard(api: Api, senders: list[Sender]) -> None:
    """Cancel uploads whose creation was not acknowledged: their client does not know them, and no byte of them came."""
    known = {upload_id for sender in senders for upload_id in sender.finished}
    for upload in await api.listed("limit=200&state=receiving,received,verified"):
        assert upload["id"] not in known
        assert (upload["state"], upload["received"]) == ("receiving", []), upload
        cancelled = await api.request("DELETE", f"/api/v1/uploads/{upload['id']}", headers=api.admin)
        assert cancelled.status == 204


def _left_on_disk(server: Server) -> list[str]:
    """Return partials and half-made files."""
    folders = (server.partials, server.data / "spool" / ".incoming", server.quarantine)
    return [path.name for folder in folders for path in folder.iterdir()]


async def _send_one_more(api: Api, sender: Sender) -> None:
    """Send a file in the ordinary way: nobody has locked anything."""
    content = make_mp3_of(200_000, seed=SEED)
    upload_id = (await api.create(length=len(content)))["id"]
    assert (await api.send_all(upload_id, content, 64 * 1024))["state"] == "spooled"
    sender.finished[upload_id] = content


async def _files(api: Api, senders: list[Sender]) -> dict[str, dict[str, Any]]:
    """Return what the API says of the file of every upload."""
    files = {}
    for upload_id in (upload_id for sender in senders for upload_id in sender.finished):
        shown = await api.show(upload_id)
        files[upload_id] = (await api.get(shown["file"]["url"])).body
    return files


def _check_files(files: dict[str, dict[str, Any]], stored: dict[str, bytes], senders: list[Sender]) -> None:
    """Assert that each file came once, with the audio that was sent, and no other one."""
    assert sorted(file["stored_name"] for file in files.values()) == sorted(stored)
    for sender in senders:
        assert sender.finished
        for upload_id, content in sender.finished.items():
            file = files[upload_id]
            came = stored[file["stored_name"]]
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
            assert file["spooled_sha256"] == hashlib.sha256(came).hexdigest()
            assert came.endswith(content[content.index(HEADER) :])


def _check_catalogue(data: Path, files: dict[str, dict[str, Any]]) -> None:
    """Assert that every upload has ended, and no row is left that only an unfinished upload has."""
    with sqlite3.connect(DataFolder(data).catalogue) as database:
        spooled = dict(database.execute("SELECT id, file_id FROM uploads WHERE state != 'cancelled'"))
        assert spooled == {upload_id: file["id"] for upload_id, file in files.items()}
        assert dict(database.execute("SELECT upload_id, id FROM files")) == spooled
        for left in ("slices", "covers", "uploads WHERE address IS NOT NULL"):
            assert database.execute(f"SELECT count(*) FROM {left}").fetchone() == (0,), left
    database.close()
