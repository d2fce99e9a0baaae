"""Bodies and headers designed to block the event loop or fill the memory: others are served meanwhile.

The limits are those of `tests/support/hostile.py`: `/health` p99 under 250 ms on new connections, memory of all
processes under 300 MiB.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import MIB, Api
from tests.support.hostile import connections, sample_others
from tests.support.memory import resident
from tests.support.mp3 import make_mp3
from tests.support.pictures import padded_jpeg
from tests.support.raw import head, multipart, part, send
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SECONDS = float(os.environ.get("ATTACK", "1.5"))
"""Seconds of an attack. `make torture` takes ten."""


@pytest.fixture
def server(data: Path, tmp_path: Path) -> Iterator[Server]:
    """Yield a new server with its own log."""
    with Server(data, disk_reserve=0, log=tmp_path / "log") as server:
        yield server


async def during(seconds: float, attack: asyncio.Task[None]) -> None:
    """Run the attack for this time."""
    await asyncio.sleep(seconds)
    attack.cancel()
    with suppress(asyncio.CancelledError):
        await attack


@pytest.mark.alone
async def test_content_types_of_many_semicolons_delay_no_other_client(server: Server) -> None:
    async def attack() -> None:
        for number in itertools.count():
            value = f"Content-Type: a/b{';' * 8000}{number}"
            response = await send(server.port, [head("POST", "/session", value, length=2), b"{}"])
            assert (response.status, response.problem["code"]) == (415, "unsupported_media_type")

    async with sample_others(server):
        await during(SECONDS, asyncio.create_task(attack()))


TYPES = {
    "many parameters": "a/b" + ";x=y" * 5,
    "long": "a/b;x=" + "y" * 300,
    "nested comments": "a/b;" + "(" * 250,
    "nested comments in the type": "(" * 250,
    "undefined charset": "x; filename*=undefined''%41",
    "utf-16": "x; filename*=utf-16''%00%d8",
    "not ASCII": "application/jsön",
}
ROUTES = {
    "JSON": ("POST", "/api/v1/uploads", []),
    "session": ("POST", "/session", []),
    "form": ("POST", "/upload", []),
    "tus": ("POST", "/tus/", ["Tus-Resumable: 1.0.0", "Upload-Length: 5"]),
    "draft": ("POST", "/rufh/", ["Upload-Draft-Interop-Version: 8", "Upload-Complete: ?1"]),
    "no route": ("POST", "/nothing", []),
    "page": ("GET", "/", []),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("value", TYPES)
async def test_content_type_that_cannot_be_parsed_is_415(shared_server: Server, value: str, route: str) -> None:
    method, path, headers = ROUTES[route]
    request = head(method, path, *headers, f"Content-Type: {TYPES[value]}", length=2)
    response = await send(shared_server.port, [request, b"{}"])
    assert (response.status, response.problem["code"]) == (415, "unsupported_media_type")


@pytest.mark.alone
@pytest.mark.parametrize("framing", ["Content-Length: 4000000000", "Transfer-Encoding: chunked"])
async def test_preambles_delay_no_other_client(server: Server, framing: str) -> None:
    lines = b"p\r\n" * 20_000
    if "chunked" in framing:
        lines = f"{len(lines):x}\r\n".encode() + lines + b"\r\n"

    async def attack() -> None:
        while True:
            with suppress(ConnectionError):
                await send(server.port, [head("POST", "/upload", framing), *[lines] * 20], pause=0.02)

    async with sample_others(server):
        attacks = [asyncio.create_task(attack()) for _ in range(8)]
        await asyncio.gather(*(during(SECONDS, attack) for attack in attacks))


@pytest.mark.alone
async def test_long_epilogue_delays_no_other_client(server: Server) -> None:
    body = multipart(part("mp3", b"no MP3" * 100, "a.mp3"))
    lines = b"e\r\n" * 20_000

    async def attack() -> None:
        while True:
            with suppress(ConnectionError):
                request = head("POST", "/upload", length=len(body) + 50 * len(lines))
                await send(server.port, [request, body, *[lines] * 50], pause=0.02)

    async with sample_others(server):
        attacks = [asyncio.create_task(attack()) for _ in range(4)]
        await asyncio.gather(*(during(SECONDS, attack) for attack in attacks))


@pytest.mark.alone
async def test_odd_spellings_of_static_files_take_no_memory(server: Server, session: aiohttp.ClientSession) -> None:
    async def ask(names: list[str]) -> set[int]:
        statuses = set()
        for name in names:
            with suppress(aiohttp.ClientConnectionError):
                # A client would normalise the path.
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(
                    "".join(f"GET /static/{one} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" for one in name.split()).encode()
                )
                for _ in name.split():
                    top = await reader.readuntil(b"\r\n\r\n")
                    statuses.add(int(top[9:12]))
                    size = int(top.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(size)
                writer.close()
                await writer.wait_closed()
        return statuses

    batches = [" ".join(f"{n}/../js/upload-list.js" for n in range(at, at + 40)) for at in range(0, 4000, 40)]
    await ask(batches[:5])
    before = resident(server.receiver)
    async with sample_others(server):
        assert await ask(batches) == {404}
    assert resident(server.receiver) - before < 4 * MIB


@pytest.mark.parametrize(
    "name", ["%00.js", "a" * 300 + ".js", "a/" * 2500 + "x.js", "../config.py", "js", "%2e%2e/x.js"]
)
async def test_unknown_static_name_is_404(shared_server: Server, name: str) -> None:
    response = await send(shared_server.port, [head("GET", f"/static/{name}")])
    assert (response.status, response.problem["code"]) == (404, "not_found")


async def _created(server: Server, session: aiohttp.ClientSession, count: int) -> list[str]:
    api = Api(session, server.url, server.token)
    return [(await api.create(length=5_000))["id"] for _ in range(count)]


PICTURE = padded_jpeg(2 * MIB - 10)


@asynccontextmanager
async def unfinished(server: Server, request: bytes, count: int = 400) -> AsyncIterator[list[bytes]]:
    """Open connections with an unfinished request, and yield the responses."""
    async with AsyncExitStack() as stack:
        responses = []
        for _ in range(count):
            (connection,) = await stack.enter_async_context(connections(server, 1, request))
            # One after the other, so that no request is between the kernel and its handler.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    responses.append(await connection.head())
        yield responses


@pytest.mark.alone
async def test_unfinished_covers_of_400_connections_share_the_memory(
    server: Server, session: aiohttp.ClientSession
) -> None:
    (upload_id,) = await _created(server, session, 1)
    request = head("PUT", f"/api/v1/uploads/{upload_id}/cover", length=len(PICTURE)) + PICTURE[:-1]
    async with sample_others(server, health=1), unfinished(server, request) as responses:
        assert len(responses) > 300
        assert all(b" 503 " in top and b"\r\nRetry-After: " in top for top in responses)


@pytest.mark.alone
@pytest.mark.parametrize("late", [False, True], ids=["before the file", "after the file"])
async def test_covers_of_400_forms_share_the_memory(server: Server, *, late: bool) -> None:
    file, cover = part("mp3", make_mp3(1), "a.mp3"), part("cover", PICTURE, "a.jpg")
    body = multipart(*([file, cover] if late else [cover, file]))
    cut = body.index(PICTURE) + len(PICTURE) - 1
    request = head("POST", "/upload", length=len(body)) + body[:cut]
    async with sample_others(server, health=1), unfinished(server, request) as responses:
        assert len(responses) > 300
        assert all(b" 503 " in top for top in responses)


async def test_a_cover_is_accepted_after_others_have_ended(server: Server, session: aiohttp.ClientSession) -> None:
    upload_id, other = await _created(server, session, 2)
    request = head("PUT", f"/api/v1/uploads/{upload_id}/cover", length=len(PICTURE)) + PICTURE[:-1]
    put = head("PUT", f"/api/v1/uploads/{other}/cover", length=len(PICTURE))
    async with connections(server, 16, request):
        # Its handler may begin later than this one's.
        await asyncio.sleep(1)
        response = await send(server.port, [put])
        assert (response.status, response.problem["code"]) == (503, "covers_busy")
    await asyncio.sleep(1)
    response = await send(server.port, [put, PICTURE])
    assert response.status == 200
