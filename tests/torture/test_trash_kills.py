"""SIGKILL while a file moves into the trash, back, or away for good: it is in one place, and its row agrees.

`TRASH_KILLS` is the number of files; 1 by default, killed at each of its moves.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.api import Api, Response
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("TRASH_KILLS", "1"))
SEED = int(os.environ.get("SEED", "20261123"))
AFTER = {"trash": "trash", "restore": "spool", "purge": "purged"}


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_a_kill_while_a_file_moves_leaves_it_in_one_place(data: Path) -> None:
    source = random.Random(SEED)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        with Server(data, disk_reserve=0) as server:
            api = Api(session, server.url, server.token)
            for number in range(KILLS):
                content = make_mp3(5, seed=9000 + number)
                upload_id = (await api.create(f"{number}.mp3", len(content)))["id"]
                file = (await api.get((await api.send_all(upload_id, content))["file"]["url"])).body
                for act in ("trash", "restore", "trash", "purge"):
                    await kill_during(api, server, file, act, source)


async def kill_during(api: Api, server: Server, file: dict[str, Any], act: str, source: random.Random) -> None:
    """Kill the server while the file moves, look at both places after the start, and move it if it did not."""
    before = (await api.get(file["url"])).body["place"]
    moving = asyncio.create_task(move(api, file, act))
    await asyncio.sleep(source.choice([0.002, 0.01, 0.03]) * source.random())
    server.kill()
    heard = (await asyncio.gather(moving, return_exceptions=True))[0]
    server.start()
    now = await place_of(api, server, file)
    assert now in (before, AFTER[act])
    if isinstance(heard, Response) and heard.status < 300:
        assert now == AFTER[act]
    if now == before:
        assert (await move(api, file, act)).status < 300
        assert await place_of(api, server, file) == AFTER[act]


async def move(api: Api, file: dict[str, Any], act: str) -> Response:
    if act == "restore":
        return await api.request("POST", f"{file['url']}/restore", headers=api.admin)
    query = "?purge=1" if act == "purge" else ""
    return await api.request("DELETE", file["url"] + query, headers=api.admin | {"If-Match": "*"})


async def place_of(api: Api, server: Server, file: dict[str, Any]) -> str:
    """Return the file's place, in which alone it must be."""
    place = str((await api.get(file["url"])).body["place"])
    there = (server.spool / file["stored_name"]).exists(), (server.data / "spool/trash" / f"{file['id']}.mp3").exists()
    assert there == (place == "spool", place == "trash")
    return place
