"""Denial of service: slow and malformed clients; others are served meanwhile.

The limits are those of `tests/support/hostile.py`: `/health` p99 under 250 ms on new connections, memory of all
processes under 300 MiB, log under 1 MB.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api import MIB, Api
from tests.support.hostile import HEALTH, connections, descriptors, log_lines, sample_others
from tests.support.mp3 import make_mp3_of
from tests.support.raw import RawResponse, head, multipart, part, send
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

    from tests.support.wire import WireResponse


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with timeouts of a second, which requires 1,000 bytes a second of a body."""
    folder = tmp_path_factory.mktemp("quick")
    with Server(
        folder / "data",
        disk_reserve=0,
        log=folder / "log",
        keepalive_timeout=1,
        request_timeout=1,
        idle_timeout=1,
        body_rate=1000,
    ) as server:
        yield server


@pytest.fixture
def quick_api(quick: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, quick.url, quick.token)


@pytest.fixture
def server(data: Path, tmp_path: Path) -> Iterator[Server]:
    """Yield a new server with its own log."""
    with Server(data, disk_reserve=0, log=tmp_path / "log") as server:
        yield server


@pytest.mark.alone
async def test_unfinished_headers_take_little_memory(server: Server) -> None:
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"x" * 8000) for number in range(124)
    )
    async with sample_others(server, health=2), connections(server, 600, request):
        await asyncio.sleep(1)


async def test_headers_that_are_too_large_together_are_431(quick: Server) -> None:
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"x" * 7000) for number in range(10)
    )
    assert (await send(quick.port, [request])).status == 431


async def test_request_with_many_headers_of_a_proxy_is_accepted(quick: Server) -> None:
    request = HEALTH[:-2] + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(60)) + b"\r\n"
    assert (await send(quick.port, [request])).status == 200


HALF = {
    "silence": b"",
    "half a header": b"GET /health HTTP/1.1\r\nHost: 127",
    "half a header after a request": HEALTH + b"GET /health HTTP/1.1\r\nHost: 127",
}


@pytest.mark.parametrize("first", HALF.values(), ids=HALF)
async def test_endless_headers_end_the_connection(quick: Server, first: bytes) -> None:
    async with connections(quick, 1, first) as (connection,), asyncio.timeout(5):
        await connection.ended()


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def test_dripped_headers_end_the_connection(quick: Server) -> None:
    async with connections(quick, 1) as (connection,), asyncio.timeout(5):
        response = await connection.drip(pieces(b"GET /health HTTP/1.1\r\nX: " + b"x" * 200, 1), 0.1)
        assert response.status == 0


JSON = "Content-Type: application/json"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/api/v1/uploads", "/session"])
async def test_dripped_json_is_408(quick: Server, path: str, *, chunked: bool) -> None:
    first = head("POST", path, JSON, "Transfer-Encoding: chunked") if chunked else head("POST", path, JSON, length=200)
    rest = [b"1\r\n \r\n"] * 200 if chunked else [b" "] * 200
    async with connections(quick, 1, first) as (connection,), asyncio.timeout(5):
        response = await connection.drip(rest, 0.1)
    assert (response.status, response.json["code"]) == (408, "request_timeout")


async def dripped(server: Server, request: bytes, body: bytes) -> WireResponse:
    """Send the body at 100 bytes a second."""
    async with connections(server, 1, request) as (connection,), asyncio.timeout(10):
        return await connection.drip(pieces(body, 20), 0.2)


@pytest.mark.parametrize("kind", ["slice", "slice as a part", "cover", "form", "cover in a form"])
async def test_slow_body_is_408_and_is_not_kept(quick: Server, quick_api: Api, kind: str) -> None:
    upload = await quick_api.create(length=2000)
    path, file = f"/api/v1/uploads/{upload['id']}", b"s" * 2000
    close, raw = "Connection: close", "Content-Type: application/octet-stream"
    form = multipart(part("mp3", file, "slow.mp3"))
    requests = {
        "slice": (head("PUT", f"{path}/slices/0", raw, close, length=2000), file),
        "slice as a part": (None, multipart(part("slice", file, "blob"))),
        "cover": (head("PUT", f"{path}/cover", raw, close, length=2000), file),
        "form": (head("POST", "/upload", close, length=len(form)), form),
        "cover in a form": (None, multipart(part("cover", file, "cover.png"), part("mp3", file, "slow.mp3"))),
    }
    request, body = requests[kind]
    if request is None:
        target, first = ("/upload", b"") if "form" in kind else (f"{path}/slices", part("offset", "0"))
        request = head("POST", target, close, length=len(first + body)) + first
    response = await dripped(quick, request, body)
    assert (response.status, response.json["code"]) == (408, "body_too_slow")
    assert (await quick_api.show(upload["id"]))["received"] == []


async def test_slow_append_is_408_and_keeps_received_bytes(data: Path, session: aiohttp.ClientSession) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    with Server(data, disk_reserve=0, idle_timeout=4, body_rate=1000) as server:
        api = Api(session, server.url, server.token)
        created = await api.request("POST", "/tus/", headers={**tus, "Upload-Length": "2000"})
        path = created.headers["Location"].removeprefix(server.url)
        fields = ("Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream")
        response = await dripped(server, head("PATCH", path, *fields, length=2000), b"s" * 2000)
        assert (response.status, response.json["code"]) == (408, "body_too_slow")
        shown = await api.request("HEAD", path, headers=tus)
        assert 200 < int(shown.headers["Upload-Offset"]) < 1000


async def test_slow_line_with_stalls_is_fast_enough(quick: Server, quick_api: Api) -> None:
    upload = await quick_api.create(length=6000)
    request = head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", "Connection: close", length=6000)
    async with connections(quick, 1, request) as (connection,):
        for _ in range(4):
            assert await connection.send(b"s" * 1500)
            await asyncio.sleep(0.6)
        assert RawResponse(await connection.ended()).status == 200


async def test_client_that_never_reads_its_response_is_disconnected(
    data: Path, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """The response is larger than the kernel's buffers."""
    with Server(data, disk_reserve=0, idle_timeout=2, log=tmp_path / "log") as server:
        api, content = Api(session, server.url, server.token), make_mp3_of(16 * MIB, seed=171)
        upload = await api.create(length=len(content))
        file = (await api.send_all(upload["id"], content, 4 * MIB))["file"]
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            before = descriptors(server.receiver)
            connection.sendall(
                head("GET", f"/api/v1/files/{file['id']}/content", f"Authorization: Bearer {server.token}")
            )
            async with asyncio.timeout(5):
                while descriptors(server.receiver) <= before:
                    await asyncio.sleep(0.05)
            async with asyncio.timeout(30):
                while descriptors(server.receiver) > before:
                    await asyncio.sleep(0.05)
    assert "Traceback" not in (tmp_path / "log").read_text()


SECRET = "do-not-log-this-token"
MALFORMED = {
    "header": f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {SECRET}\x01\x1b[2J\r\n\r\n".encode(),
    "header without a colon": f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer {SECRET}\r\n\r\n".encode(),
    "length": f"POST /session HTTP/1.1\r\nHost: a\r\nContent-Length: 1{SECRET}\r\n\r\n".encode(),
    "version": f"GET /{SECRET} HTTP/9.9\r\nHost: a\r\n\r\n".encode(),
    "long line": b"GET /" + SECRET.encode() * 1000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "chunk of a JSON body": b"POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    + f"Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n{SECRET}\r\n".encode(),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_request_is_400_without_its_bytes(quick: Server, request_: bytes) -> None:
    async with connections(quick, 1, request_) as (connection,), asyncio.timeout(20):
        text = await connection.ended() if b"chunked" not in request_ else await connection.head()
    assert b" 400 " in text[:16]
    assert b"X-Content-Type-Options: nosniff" in text
    assert SECRET.encode() not in text


FLOOD_SECONDS = 1.0
"""Rounds: with a hundred, a fast machine ends before there are enough samples."""


@pytest.mark.alone
async def test_flood_of_malformed_requests_leaves_the_log_small(server: Server) -> None:
    async with sample_others(server):
        ends, rounds = time.monotonic() + FLOOD_SECONDS, 0
        while rounds < 100 or time.monotonic() < ends:
            await asyncio.gather(*(send(server.port, [request]) for request in list(MALFORMED.values())[:5]))
            rounds += 1
    lines = _check_log(server, "malformed request")
    assert len(lines) == 10
    assert all(line["address"] == "127.0.0.1" for line in lines)


def _check_log(server: Server, event: str) -> list[dict[str, Any]]:
    """Return the log's lines, which must have only this event and nothing of the request."""
    assert server.log is not None
    text = server.log.read_text()
    assert SECRET not in text
    assert "Traceback" not in text
    lines = log_lines(server.log)
    assert lines
    assert {line["event"] for line in lines} == {event}
    return lines
