"""A file that is elsewhere is served as one of the disk is: same statuses, headers and bytes; or by a redirect."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from media_service.core.files import ObjectRange
from media_service.http.content_response import content_response
from media_service.http.file_response import attachment_headers
from media_service.storage.local_content import content_of as local_content
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.compose import compose
from media_service.storage.s3.content import content_of
from media_service.storage.s3.new_object import NewObject
from tests.support.memory import resident
from tests.support.s3 import ENGINES, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

__all__ = ["buckets"]

pytestmark = pytest.mark.once

DATA = random.Random(4).randbytes(300_000)
PART = random.Random(5).randbytes(6_000_000)
SIZE = len(DATA)
NAME = "일요일.mp3"
HEADERS = attachment_headers("audio/mpeg", "filename*=UTF-8''%EC%9D%BC.mp3")
COMPARED = ("Content-Length", "Content-Range", "Content-Type", "Content-Disposition", "Accept-Ranges", "Cache-Control")
RANGES = [None, "bytes=0-0", "bytes=5-", "bytes=-7", f"bytes={SIZE - 1}-", f"bytes={SIZE}-", "bytes=9-4", "items=0-5"]
CONDITIONS = [
    {},
    {"If-None-Match": "{etag}"},
    {"If-None-Match": 'W/{etag}, "other"'},
    {"If-None-Match": '"other"'},
    {"If-None-Match": "*"},
    {"If-Match": "{etag}"},
    {"If-Match": '"other"'},
    {"If-Match": "*"},
    {"If-Modified-Since": "{date}"},
    {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    {"If-Unmodified-Since": "{date}"},
    {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    {"If-None-Match": '"other"', "If-Modified-Since": "{date}"},
    {"If-Range": "{etag}"},
    {"If-Range": "W/{etag}"},
    {"If-Range": '"other"'},
    {"If-Range": "{date}"},
]


class Site:
    """Three ways to the same file: `disk`, `stream` and `redirect`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(
        self, way: str, method: str = "GET", headers: Mapping[str, str] | None = None, *, follow: bool = False
    ) -> Any:
        """Return the response, with its body as `body`."""
        url = f"{self.url}/{way}"
        async with self._session.request(method, url, headers=headers, allow_redirects=follow) as response:
            response.body = await response.read()  # type: ignore[attr-defined]
            return response


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def client(engine: str, buckets: Buckets) -> AsyncIterator[S3Client]:
    bucket = await asyncio.to_thread(buckets.on, engine)
    async with S3Client(bucket.location()) as client:
        yield client


@pytest_asyncio.fixture
async def site(client: S3Client, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Site]:
    path = tmp_path / NAME
    path.write_bytes(DATA)
    await client.put(f"spool/{NAME}", DATA, hashlib.sha256(DATA).digest())
    modified = (await client.head(f"spool/{NAME}")).modified
    os.utime(path, ns=(modified * 1000, modified * 1000))

    async def handle(request: web.Request) -> web.StreamResponse:
        way = request.match_info["way"]
        if way == "disk":
            return await content_response(request, local_content(path, path.stat()), HEADERS)
        content = await content_of(client, f"spool/{NAME}", redirects=way == "redirect")
        if content is None:
            raise web.HTTPNotFound
        return await content_response(request, content, HEADERS)

    app = web.Application()
    app.router.add_get("/{way}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Site(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    await runner.cleanup()


async def test_every_condition_and_range_is_answered_as_of_the_disk(site: Site, engine: str) -> None:
    firsts = {way: await site.ask(way) for way in ("disk", "stream")}
    assert firsts["disk"].body == firsts["stream"].body == DATA
    for method, condition, byte_range in itertools.product(("GET", "HEAD"), CONDITIONS, RANGES):
        if engine != ENGINES[0] and condition and byte_range:
            # Our code joins both, whatever the engine is.
            continue
        answers = []
        for way, first in firsts.items():
            known = {"etag": first.headers["ETag"], "date": first.headers["Last-Modified"]}
            headers = {name: value.format(**known) for name, value in condition.items()}
            headers |= {"Range": byte_range} if byte_range else {}
            answer = await site.ask(way, method, headers)
            assert answer.headers.get("ETag") in {known["etag"], None}
            compared = COMPARED if answer.status in {200, 206} else ("Content-Range",)
            answers.append((answer.status, answer.body, *map(answer.headers.get, compared)))
        assert answers[0] == answers[1], (method, condition, byte_range)


async def test_redirect_leads_to_the_same_bytes_without_credentials(site: Site, client: S3Client) -> None:
    answer = await site.ask("redirect")
    assert (answer.status, answer.headers["Cache-Control"]) == (307, "no-store")
    assert urlsplit(answer.headers["Location"]).netloc == urlsplit(client.origin).netloc
    for byte_range, expected in (("bytes=0-", DATA), ("bytes=7-99", DATA[7:100]), ("bytes=-5", DATA[-5:])):
        answer = await site.ask("redirect", headers={"Range": byte_range}, follow=True)
        assert (answer.status, answer.body) == (206, expected)
        assert [answer.headers[name] for name in ("Content-Type", "Content-Disposition")] == [
            HEADERS["Content-Type"],
            HEADERS["Content-Disposition"],
        ]


async def test_head_is_answered_without_a_redirect(site: Site) -> None:
    answer = await site.ask("redirect", "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))


async def test_player_of_the_pages_gets_the_bytes_themselves(site: Site) -> None:
    answer = await site.ask("redirect?stream", headers={"Range": "bytes=7-99"})
    assert (answer.status, answer.body) == (206, DATA[7:100])


async def test_missing_object_is_not_found_before_anything_is_sent(site: Site, client: S3Client) -> None:
    await client.delete([f"spool/{NAME}"])
    for way in ("stream", "redirect"):
        assert (await site.ask(way)).status == 404


@pytest.mark.parametrize("engine", ENGINES[:1])
async def test_readers_that_wait_cost_little_memory(
    site: Site, client: S3Client, session: aiohttp.ClientSession
) -> None:
    await client.put("part", PART, hashlib.sha256(PART).digest())
    new = NewObject(key=f"spool/{NAME}")
    await compose(client, new, [ObjectRange("part", 0, len(PART))] * 20)
    before = resident(os.getpid())
    async with AsyncExitStack() as responses:
        for _ in range(20):
            response = await responses.enter_async_context(session.get(f"{site.url}/stream"))
            assert await response.content.readexactly(1000) == PART[:1000]
        await asyncio.sleep(0.5)
        # Of 2.4 GB. Each response has a buffer towards the store, one towards the client, and its socket.
        assert resident(os.getpid()) - before < 20 * 3 * 1024 * 1024


async def test_file_that_is_replaced_while_it_is_sent_ends_the_connection_or_is_sent_as_it_was(
    site: Site, client: S3Client, session: aiohttp.ClientSession
) -> None:
    await client.put("part", PART, hashlib.sha256(PART).digest())
    await compose(client, NewObject(key=f"spool/{NAME}"), [ObjectRange("part", 0, len(PART))] * 5)
    async with session.get(f"{site.url}/stream") as response:
        received = bytearray(await response.content.readexactly(1000))
        other = bytes(len(PART))
        await client.put(f"spool/{NAME}", other, hashlib.sha256(other).digest())
        with suppress(aiohttp.ClientPayloadError):
            async for block in response.content.iter_any():
                received += block
    assert received == (PART * 5)[: len(received)]
