"""A process that dies at any request of a step: what repeats it finds the file once, whole, under one name."""

from __future__ import annotations

import hashlib
import random
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from media_service.core.files import ObjectRange, RewritePlan, Source
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.spool import S3Spool
from tests.intake.rig import Crash, Steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from media_service.storage.s3.client import S3Client

AUDIO = random.Random(3).randbytes(6_000_000)
TAGGED = RewritePlan(b"HEAD" * 500, 100)
EDITED = RewritePlan(b"EDITED" * 500, 2000)


class Scene:
    """A spool in which a step is cut short at one request after the other."""

    def __init__(self, client: S3Client, folder: Path, scratch: Scratch) -> None:
        self.client = client
        self.spool = S3Spool(client, scratch)
        self._folder = folder
        self._scratch = scratch

    async def source(self) -> Source:
        """Return received bytes."""
        path = self._folder / "partial"
        path.write_bytes(AUDIO)
        await self.client.put("uploads/a/0", AUDIO, hashlib.sha256(AUDIO).digest())
        return Source(path, (ObjectRange("uploads/a/0", 0, len(AUDIO)),))

    async def crashes(self, step: Callable[[S3Spool], Awaitable[Any]]) -> AsyncIterator[int]:
        """Take the step until it ends, dying at each request; yield after each death."""
        for place in range(1, 100):
            steps = Steps(place, for_good=True)
            client = steps.around(self.client)
            client.multiparts = steps.around(self.client.multiparts)
            try:
                await step(S3Spool(client, self._scratch))
            except Crash:
                yield place
            else:
                assert place > 4
                return

    async def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        async with aclosing(self.client.get(key)) as blocks:
            return b"".join([block async for block in blocks])

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys of objects."""
        return [found.key async for found in self.client.list_objects(prefix)]


@pytest_asyncio.fixture
async def scene(client: S3Client, tmp_path: Path) -> AsyncIterator[Scene]:
    with closing(Scratch(tmp_path / "scratch")) as scratch:
        await scratch.prepare()
        yield Scene(client, tmp_path, scratch)


async def test_crash_while_assembling_leaves_a_whole_file_or_none(scene: Scene) -> None:
    source = await scene.source()
    expected = TAGGED.head + AUDIO[100:]
    async for _ in scene.crashes(lambda spool: spool.assemble("a", source, TAGGED, None)):
        if await scene.spool.is_assembled("a"):
            assert await scene.read("incoming/a") == expected
    assert await scene.read("incoming/a") == expected


async def test_crash_while_publishing_and_repeating_it_names_the_file_once(scene: Scene) -> None:
    source = await scene.source()
    await scene.spool.assemble("a", source, TAGGED, None)
    async for _ in scene.crashes(lambda spool: spool.publish("a", "show.mp3")):
        # As the finalizer does after the start.
        if await scene.spool.is_assembled("a"):
            assert await scene.spool.publish("a", "show.mp3")
        assert await scene.keys("spool/") == ["spool/show.mp3"]
        assert await scene.keys("incoming/") == []
        assert await scene.read("spool/show.mp3") == TAGGED.head + AUDIO[100:]
        await scene.spool.discard("show.mp3")
        await scene.spool.assemble("a", source, TAGGED, None)
    assert (await scene.keys("spool/"), await scene.keys("incoming/")) == (["spool/show.mp3"], [])


async def test_crash_while_replacing_leaves_the_old_or_the_new_file_as_its_digest_tells(scene: Scene) -> None:
    source = await scene.source()

    async def published() -> int:
        for key in await scene.keys("spool/"):
            await scene.client.delete([key])
        await scene.spool.assemble("a", source, TAGGED, None)
        assert await scene.spool.publish("a", "show.mp3")
        async with scene.spool.reading("show.mp3") as finished:
            edited = await scene.spool.assemble("file", finished, EDITED, None)
        digests[edited.sha256] = EDITED.head + TAGGED.head[2000:] + AUDIO[100:]
        return edited.size

    digests = {hashlib.sha256(TAGGED.head + AUDIO[100:]).digest(): TAGGED.head + AUDIO[100:]}
    await published()
    seen = set()
    async for _ in scene.crashes(lambda spool: spool.replace("file", "show.mp3")):
        measured = await scene.spool.measure("show.mp3")
        assert measured is not None
        assert await scene.read("spool/show.mp3") == digests[measured[1]]
        seen.add(measured[1])
        # As the retagger does after the start.
        await scene.spool.discard_assembled("file")
        assert await scene.keys("spool/") == ["spool/show.mp3"]
        await published()
    assert len(seen) == 2
    assert await scene.keys("incoming/") == []
