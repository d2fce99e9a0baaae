"""A cover and chapters survive a kill of the server at any step of finalizing."""

from __future__ import annotations

import asyncio
import io
import os
import random
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.mp3 import make_mp3_of
from tests.support.pictures import padded_jpeg, png
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024
CHAPTERS = [{"start": 0, "title": "Intro", "url": None}, {"start": 1.5, "title": "밤", "url": "https://example.com/"}]
KILLS = int(os.environ.get("FINISHING_KILLS", "2"))


@pytest.mark.long
async def test_an_upload_with_a_cover_continues_after_a_kill(data: Path) -> None:
    sound, picture = make_mp3_of(600 * KIB, seed=97), padded_jpeg(2000 * KIB)
    with Server(data, disk_reserve=0) as server:
        async with aiohttp.ClientSession() as session:
            api = Api(session, server.url, server.token)
            upload = await api.create("covered.mp3", len(sound), chapters=CHAPTERS)
            path = f"/api/v1/uploads/{upload['id']}/cover"
            for older in (png(5, 5), picture):
                assert (await api.request("PUT", path, data=io.BytesIO(older))).status == 200
            await api.put(upload["id"], 0, sound[: 100 * KIB])
            server.restart()
            shown = await api.show(upload["id"])
            assert (shown["cover"]["size"], shown["chapters"]) == (len(picture), CHAPTERS)
            assert (await api.get(path)).body == picture
            await api.put(upload["id"], 100 * KIB, sound[100 * KIB :])
            ended = await api.ended(upload["id"])
            file = (await api.get(ended["file"]["url"])).body
            assert file["chapters"] == CHAPTERS
            assert (await api.get(f"{file['url']}/cover")).body == picture


@pytest.mark.long
@pytest.mark.timeout(60 + 15 * KILLS)
async def test_a_kill_during_finalizing_keeps_the_cover(data: Path) -> None:
    dice = random.Random(20261126)
    picture = padded_jpeg(1500 * KIB)
    with Server(data, disk_reserve=0) as server:
        for number in range(KILLS):
            sound = make_mp3_of(200 * KIB, seed=100 + number)
            async with aiohttp.ClientSession() as session:
                api = Api(session, server.url, server.token)
                upload = await api.create(f"{number}.mp3", len(sound), chapters=CHAPTERS)
                path = f"/api/v1/uploads/{upload['id']}/cover"
                assert (await api.request("PUT", path, data=io.BytesIO(picture))).status == 200
                sending = asyncio.create_task(api.put(upload["id"], 0, sound))
                await asyncio.sleep(dice.uniform(0, 0.25))
                server.kill()
                await asyncio.gather(sending, return_exceptions=True)
            server.start()
            async with aiohttp.ClientSession() as session:
                api = Api(session, server.url, server.token)
                if (await api.show(upload["id"]))["state"] == "receiving":
                    assert (await api.get(path)).body == picture
                    await api.put(upload["id"], 0, sound)
                file = (await api.get((await api.ended(upload["id"]))["file"]["url"])).body
                assert file["chapters"] == CHAPTERS
                assert (await api.get(f"{file['url']}/cover")).body == picture
                assert (await api.get(path)).status == 404
