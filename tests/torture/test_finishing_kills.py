"""Finishing, tried by SIGKILL: a file is in the spool once and whole, or its partial is untouched; never both or half.

`FINISHING_KILLS` sets how often the server dies; 12 by default.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.mp3 import HEADER as FRAME
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("FINISHING_KILLS", "12"))
SEED = int(os.environ.get("SEED", "20261123"))
MIB = 1024 * 1024


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_a_kill_while_finishing_leaves_the_partial_or_the_file(data: Path) -> None:
    source = random.Random(SEED)
    with Server(data, disk_reserve=0, finish_wait=0) as server:
        for number in range(KILLS):
            content = make_mp3(source.choice([5, 200, 900]), {"artist": "Kept"}, seed=number)
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                upload_id = await _send(Api(session, server.url, server.token), f"{number}.mp3", content)
            await asyncio.sleep(source.choice([0.0, 0.02, 0.05, 0.1, 0.2]) * source.random())
            server.kill()
            _look(server, upload_id, f"{number}.mp3", content)
            server.start()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                await _check(Api(session, server.url, server.token), server, upload_id, content)
        assert len(list(server.spool.iterdir())) == KILLS
        assert list(server.partials.iterdir()) == []
        assert list((server.data / "spool" / ".incoming").iterdir()) == []


async def _send(api: Api, name: str, content: bytes) -> str:
    upload_id = str((await api.create(name, len(content), tags={"title": name}))["id"])
    for offset in range(0, len(content), 4 * MIB):
        answer = await api.put(upload_id, offset, content[offset : offset + 4 * MIB])
        assert answer.status == 200, answer
    return upload_id


def _look(server: Server, upload_id: str, name: str, content: bytes) -> None:
    """At the moment of death: what has its name is whole, and what has none lies untouched."""
    partial, final = server.partials / f"{upload_id}.partial", server.spool / name
    if final.exists():
        assert final.read_bytes().endswith(_sound(content))
        assert not (server.data / "spool" / ".incoming" / upload_id).exists()
    else:
        assert partial.read_bytes() == content


async def _check(api: Api, server: Server, upload_id: str, content: bytes) -> None:
    ended = await api.ended(upload_id)
    assert ended["state"] == "spooled", ended
    file = (await api.get(ended["file"]["url"])).body
    stored = (server.spool / file["stored_name"]).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == file["spooled_sha256"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert stored.endswith(_sound(content))


def _sound(content: bytes) -> bytes:
    return content[content.index(FRAME) :]
