"""SIGKILL while finalizing: a file is complete in the spool, or its partial is untouched; never both.

The same with edits of tags, by an admin or late by the sender: the spool has the old file or the new one.

`FINISHING_KILLS` is the number of kills; 3 by default.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from mutagen.id3 import ID3

from tests.support.api import Api, Response
from tests.support.mp3 import HEADER as FRAME
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KILLS = int(os.environ.get("FINISHING_KILLS", "3"))
SEED = int(os.environ.get("SEED", "20261123"))
MIB = 1024 * 1024
LATE_DETAILS = {"sender": "Late Larry", "tags": {"title": "Edited"}}


@pytest.mark.timeout(60 + 15 * KILLS)
async def test_a_kill_during_finalizing_leaves_the_partial_or_the_file(data: Path) -> None:
    source = random.Random(SEED)
    with Server(data, disk_reserve=0, verdict_wait_slice=0) as server:
        for number in range(KILLS):
            content = make_mp3(source.choice([5, 200, 900]), {"artist": "Kept"}, seed=number)
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                upload_id = await _send(Api(session, server.url, server.token), f"{number}.mp3", content)
            await asyncio.sleep(source.choice([0.0, 0.02, 0.05, 0.1, 0.2]) * source.random())
            server.kill()
            _look(server, upload_id, f"{number}.mp3", content)
            server.start()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                api = Api(session, server.url, server.token)
                file = await _check(api, server, upload_id, content)
                await _kill_an_edit(api, server, file, content, source)
        assert len(list(server.spool.iterdir())) == KILLS
        assert list(server.partials.iterdir()) == []
        assert list((server.data / "spool" / ".incoming").iterdir()) == []


@pytest.mark.timeout(60 + 15 * KILLS)
async def test_a_kill_while_several_are_finalized_leaves_one_file_for_each_audio(data: Path) -> None:
    source = random.Random(SEED)
    with Server(data, disk_reserve=0, verdict_wait_slice=0, duplicates="refuse") as server:
        for number in range(KILLS // 2):
            sound = make_mp3(source.choice([5, 200]), seed=1000 + number)
            contents = [sound, make_mp3(5000, seed=2000 + number), sound, make_mp3(5, seed=3000 + number)]
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                api = Api(session, server.url, server.token)
                sending = [_send(api, f"{number} {at}.mp3", content) for at, content in enumerate(contents)]
                ids = await asyncio.gather(*sending)
            await asyncio.sleep(source.choice([0.0, 0.05, 0.2, 0.4]) * source.random())
            server.kill()
            server.start()
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                api = Api(session, server.url, server.token)
                ends = [await api.ended(upload_id) for upload_id in ids]
                for end, content in zip(ends, contents, strict=True):
                    if end["state"] == "spooled":
                        _check_stored(server, (await api.get(end["file"]["url"])).body, content)
            assert sorted([ends[0]["state"], ends[2]["state"]]) == ["rejected", "spooled"]
            assert [ends[1]["state"], ends[3]["state"]] == ["spooled", "spooled"]
        assert len(list(server.spool.iterdir())) == 3 * (KILLS // 2)
        assert list(server.partials.iterdir()) == []
        assert list((server.data / "spool" / ".incoming").iterdir()) == []


@pytest.mark.timeout(60 + 15 * KILLS)
async def test_a_kill_while_a_sender_edits_leaves_the_old_details_or_the_new(data: Path) -> None:
    """The server is killed at moments spread over the duration of an edit."""
    with Server(data, disk_reserve=0) as server:
        seconds = await _edit_and_kill(server, 0, None)
        for number in range(1, KILLS + 1):
            await _edit_and_kill(server, number, 1.25 * seconds * number / KILLS)
        assert len(list(server.spool.iterdir())) == KILLS + 1
        assert list((server.data / "spool" / ".incoming").iterdir()) == []


async def _edit_and_kill(server: Server, number: int, after: float | None) -> float:
    """Edit a finished upload, kill the server `after` seconds, and edit again; return the edit's seconds."""
    content, name = make_mp3(200, {"artist": "Kept"}, seed=5000 + number), f"{number}.mp3"
    async with _client(server) as api:
        upload_id = await _send(api, name, content)
        file = await _check(api, server, upload_id, content)
        began = time.monotonic()
        editing = asyncio.create_task(_edit_late(api, upload_id))
        if after is not None:
            await asyncio.sleep(after)
            server.kill()
        heard = (await asyncio.gather(editing, return_exceptions=True))[0]
        seconds = time.monotonic() - began
    if after is not None:
        assert (server.spool / file["stored_name"]).read_bytes().endswith(_sound(content))
        server.start()
    async with _client(server) as api:
        now = await _check(api, server, upload_id, content)
        assert _titles(server, now) in ((name, name), ("Edited", "Edited"))
        if isinstance(heard, Response):
            await _check_edited(api, server, heard, now)
        # A sender without a response tries again.
        again = await _edit_late(api, upload_id)
        await _check_edited(api, server, again, await _check(api, server, upload_id, content))
    return seconds


@asynccontextmanager
async def _client(server: Server) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Api(session, server.url, server.token)


async def _edit_late(api: Api, upload_id: str) -> Response:
    return await api.request("PATCH", f"/api/v1/uploads/{upload_id}", json=LATE_DETAILS)


async def _check_edited(api: Api, server: Server, heard: Response, file: dict[str, Any]) -> None:
    """Assert that an acknowledged edit is in the upload, in the file's row and in the file."""
    assert heard.status == 200, heard
    shown = await api.show(heard.body["id"])
    assert (shown["sender"], shown["tags"]) == (LATE_DETAILS["sender"], LATE_DETAILS["tags"])
    assert (file["sender"], file["artist"], _titles(server, file)) == ("Late Larry", "Kept", ("Edited", "Edited"))


def _titles(server: Server, file: dict[str, Any]) -> tuple[str, str]:
    """Return the title in the catalogue and the one in the file."""
    tag = ID3(io.BytesIO((server.spool / file["stored_name"]).read_bytes()))
    return file["title"], str(tag["TIT2"])


async def _send(api: Api, name: str, content: bytes) -> str:
    upload_id = str((await api.create(name, len(content), tags={"title": name}))["id"])
    for offset in range(0, len(content), 4 * MIB):
        response = await api.put(upload_id, offset, content[offset : offset + 4 * MIB])
        assert response.status == 200, response
    return upload_id


def _look(server: Server, upload_id: str, name: str, content: bytes) -> None:
    """Assert that the file is complete if it has its name, and its partial untouched otherwise."""
    partial, final = server.partials / f"{upload_id}.partial", server.spool / name
    if final.exists():
        assert final.read_bytes().endswith(_sound(content))
        assert not (server.data / "spool" / ".incoming" / upload_id).exists()
    else:
        assert partial.read_bytes() == content


async def _kill_an_edit(api: Api, server: Server, file: dict[str, Any], content: bytes, source: random.Random) -> None:
    """Kill the server while a file's tags are edited: the file is the old or the new one."""
    headers = api.admin | {"If-Match": f'"{file["spooled_sha256"]}"'}
    tags = {"title": "Edited", "artist": None}
    editing = asyncio.create_task(api.request("PATCH", file["url"], json={"tags": tags}, headers=headers))
    await asyncio.sleep(source.choice([0.005, 0.02, 0.06]) * source.random())
    server.kill()
    heard = (await asyncio.gather(editing, return_exceptions=True))[0]
    server.start()
    now = (await api.get(file["url"])).body
    assert (now["title"], now["artist"]) in (("Edited", None), (file["title"], "Kept"))
    if isinstance(heard, Response):
        assert now == heard.body
    _check_stored(server, now, content)


async def _check(api: Api, server: Server, upload_id: str, content: bytes) -> dict[str, Any]:
    ended = await api.ended(upload_id)
    assert ended["state"] == "spooled", ended
    file: dict[str, Any] = (await api.get(ended["file"]["url"])).body
    _check_stored(server, file, content)
    return file


def _check_stored(server: Server, file: dict[str, Any], content: bytes) -> None:
    """Assert that the file is as the catalogue says, with the audio that was sent."""
    stored = (server.spool / file["stored_name"]).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == file["spooled_sha256"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert stored.endswith(_sound(content))


def _sound(content: bytes) -> bytes:
    return content[content.index(FRAME) :]
