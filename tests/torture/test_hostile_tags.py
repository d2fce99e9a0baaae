"""Tags designed to cost minutes or gigabytes cost neither, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.media.raw_id3 import frame, frame22, syncsafe, tag, unfolding, unsynchronised
from tests.support.api import MIB, Api
from tests.support.memory import peak
from tests.support.mp3 import make_frames, make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

AUDIO = make_frames(200, seed=33)
PICTURE = b"\0image/jpeg\0\3\0\xff\xd8\xff\xe0"
SECONDS = 60.0
"""Limit for a hostile file on a busy machine; on an idle one it takes less than a tenth."""

MEMORY = 400 * MIB
"""Limit of memory of the server and its children."""


def chapters(depth: int, inner: bytes) -> bytes:
    for _ in range(depth):
        inner = frame("CHAP", b"c\0" + bytes(16) + inner, 4)
    return inner


def hostile() -> Iterator[tuple[str, bytes]]:
    nothing = bytes(64_000)
    yield "a text of a mebibyte of NULs", tag(frame("TIT2", b"\3" + bytes(MIB), 4), 4)
    yield "a text of 15 MiB of NULs", tag(frame("TIT2", b"\3" + bytes(15 * MIB), 4), 4)
    yield "many texts of NULs", tag(b"".join(frame("TXXX", b"\3%d\0" % n + nothing, 4) for n in range(200)), 4)
    yield "as many texts of NULs as are read", tag(b"".join(frame("TXXX", b"\3%d\0" % n + nothing) for n in range(16)))
    yield "a text that unfolds to a gigabyte", tag(unfolding("TIT2", b"\3", 1024 * MIB), 4)
    yield "a picture that unfolds to 15 MiB", tag(unfolding("APIC", PICTURE, 15 * MIB), 4)
    yield "a bomb in a chapter", tag(chapters(1, unfolding("TIT2", b"\3", 1024 * MIB)), 4)
    yield "many pictures", tag(frame("APIC", PICTURE) * 50_000)
    yield "as many pictures as are read", tag(frame("APIC", PICTURE + bytes(200_000)) * 64)
    yield "chapters in chapters", tag(chapters(500, frame("TIT2", b"\3x", 4)), 4)
    yield "chapters beside chapters", tag(chapters(1, frame("TIT2", b"\3x", 4)) * 20_000, 4)
    yield "frames without content", tag(b"TIT2\0\0\0\0\0\0" * 1_500_000)
    yield "small frames", tag(b"".join(frame22("TT2", b"\0x") for _ in range(1_000_000)), 2)
    yield "a million texts", tag(b"".join(frame("TXXX", b"\3%d\0v" % n, 4) for n in range(500_000)), 4)
    yield "one byte in two is unsynchronised", tag(unsynchronised(frame("PRIV", b"\xff" * (7 * MIB))), 3, 0x80)
    yield "almost sound", tag(frame("PRIV", b"x\0") + b"\xff\xfb\x90\x64" * (4 * MIB - 100))
    yield "noise", tag(random.Random(1).randbytes(15 * MIB))
    yield "an extended header without end", tag(syncsafe(2**28 - 1) + bytes(MIB), 4, 0x40)
    yield "a hundred tags", tag(frame("TIT2", b"\3" + bytes(100_000), 4), 4) * 100
    yield "a tag for all that memory", b"ID3\4\0\0" + syncsafe(2**28 - 1)
    yield "lyrics", tag(b"".join(frame("USLT", b"\1eng\xff\xfe\0\0" + bytes(60_000)) for _ in range(17)))


@pytest.mark.long
async def test_hostile_tags_cost_little_and_delay_no_other_client(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, disk_reserve=0) as server:
        api, slowest, figures = Api(session, server.url, server.token), 0.0, []
        busy = True

        async def others() -> None:
            nonlocal slowest
            while busy:
                began = time.monotonic()
                assert (await api.get("/health")).status == 200
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.01)

        asking = asyncio.create_task(others())
        for name, start in hostile():
            content = start + AUDIO
            upload = await api.create(f"{name}.mp3", len(content), tags={"title": "밤"})
            for offset in range(0, len(content), 4 * MIB):
                response = await api.put(upload["id"], offset, content[offset : offset + 4 * MIB])
                assert response.status == 200 or (await api.show(upload["id"]))["state"] == "rejected", (name, response)
            began = time.monotonic()
            ended = await api.ended(upload["id"], SECONDS)
            took = time.monotonic() - began
            assert ended["state"] in ("spooled", "rejected"), name
            assert ended["findings"] or ended["state"] == "spooled"
            memory = [*map(peak, server.working)]
            assert sum(memory) < MEMORY, (name, memory)
            figures.append((round(took, 2), [each // MIB for each in memory], ended["state"], name))
        busy = False
        await asking
        assert slowest < SECONDS / 6
        good = await api.create("good.mp3", len(good_one := make_mp3(2)), tags={"title": "밤"})
        assert (await api.send_all(good["id"], good_one))["state"] == "spooled"
    for line in [*sorted(figures, reverse=True), ("slowest other response", round(slowest, 3))]:
        print(*line)
