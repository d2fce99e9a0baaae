"""A connection that its client has lost, in one receiver, while the client goes on in another one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from typing import TYPE_CHECKING, Self

import pytest
import pytest_asyncio

from tests.server.tree import WITHIN_SECONDS, receiver_of, until, until_all_accept
from tests.support.api import Api, digest_field
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head, multipart, part
from tests.support.sidecar import wait_for_exit
from tests.support.wire import WireResponse, read_response, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from tests.support.server import Server

pytestmark = pytest.mark.slow

MP3 = make_mp3_of(256 * 1024, seed=151)
WRONG = bytes(255 - value for value in MP3)
HALF = len(MP3) // 2
PIECE = 32 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
EXPECT = {"Expect": "100-continue"}
SOON_SECONDS = 5.0
"""Within which the newer one must be through. It takes milliseconds; without the hint or the kernel it takes 20 s."""


class Connection:
    """A connection that is known to be at one receiver."""

    def __init__(self, receiver: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.receiver = receiver
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to_another(cls, server: Server, but: int = 0) -> Self:
        """Connect until a receiver other than `but` has accepted it."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                # A response shows that it was accepted.
                writer.write(request("GET", "/health", {}))
                await read_response(reader)
                if (receiver := receiver_of(server, writer)) not in (None, but):
                    assert receiver is not None
                    return cls(receiver, reader, writer)
                writer.close()

    async def begin(self, message: bytes, size: int) -> None:
        """Send a request that expects 100, and so many bytes of its body once the server reads it."""
        body = message.index(b"\r\n\r\n") + 4
        self._writer.write(message[:body])
        async with asyncio.timeout(WITHIN_SECONDS):
            assert b" 100 " in await self._reader.readuntil(b"\r\n\r\n")
        self._writer.write(message[body : body + size])
        await self._writer.drain()

    async def go_on(self, rest: bytes) -> None:
        """Send more of the body that was begun."""
        self._writer.write(rest)
        await self._writer.drain()

    async def send(self, message: bytes) -> WireResponse:
        """Send a request, and return its response."""
        self._writer.write(message)
        return await self.response(head=message.startswith(b"HEAD"))

    async def response(self, *, head: bool = False) -> WireResponse:
        """Return the response to the request that was begun."""
        return await read_response(self._reader, head=head)

    def close(self) -> None:
        self._writer.close()


def raw(upload_id: str, sent: bytes, **headers: str) -> bytes:
    return request(
        "PUT", f"/api/v1/uploads/{upload_id}/slices/0", {"Content-Digest": digest_field(MP3), **headers}, sent
    )


def form(upload_id: str, sent: bytes, **headers: str) -> bytes:
    body = multipart(part("offset", "0"), part("digest", digest_field(MP3)), part("slice", sent, "blob"))
    lines = (f"{name}: {value}" for name, value in headers.items())
    return head("POST", f"/api/v1/uploads/{upload_id}/slices", *lines, length=len(body)) + body


def append(path: str, offset: int, **headers: str) -> bytes:
    fields = TUS | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    return request("PATCH", path, fields | headers, MP3[offset:])


async def in_partial(server: Server, upload_id: str, sent: bytes) -> None:
    """Return when the upload's file begins with these bytes."""
    partial = server.partials / f"{upload_id}.partial"
    await asyncio.to_thread(until, lambda: partial.read_bytes()[: len(sent)] == sent)


@pytest_asyncio.fixture
async def connections(server: Server) -> AsyncIterator[tuple[Connection, Connection]]:
    """Yield two connections, each to another receiver."""
    await asyncio.to_thread(until_all_accept, server)
    stale = await Connection.to_another(server)
    newer = await Connection.to_another(server, but=stale.receiver)
    yield stale, newer
    stale.close()
    newer.close()


@pytest.fixture
def api(server: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, server.url, server.token)


async def create_tus(api: Api) -> str:
    """Return the path of a new upload."""
    created = await api.request("POST", "/tus/", headers=TUS | {"Upload-Length": str(len(MP3))})
    return created.headers["Location"]


async def assert_spooled(api: Api, upload_id: str) -> None:
    """Assert that the upload ends with the bytes that the newer writer sent."""
    ended = await api.ended(upload_id)
    assert ended["state"] == "spooled", ended
    assert (await api.get(ended["file"]["url"])).body["sha256"] == hashlib.sha256(MP3).hexdigest()


async def kill_while_waiting(receiver: int, waiting: asyncio.Task[WireResponse]) -> WireResponse:
    """Kill a stopped receiver, for which another one's request waits, and return that one's response."""
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    os.kill(receiver, signal.SIGKILL)
    assert not done
    async with asyncio.timeout(SOON_SECONDS):
        return await waiting


@pytest.mark.parametrize("message", [raw, form])
async def test_stale_slice_of_another_process_ends_before_the_newer_one_begins(
    server: Server, api: Api, connections: tuple[Connection, Connection], message: Callable[..., bytes]
) -> None:
    stale, newer = connections
    upload_id = (await api.create(length=len(MP3)))["id"]
    await stale.begin(message(upload_id, WRONG, **EXPECT), HALF)
    await in_partial(server, upload_id, WRONG[:PIECE])
    async with asyncio.timeout(SOON_SECONDS):
        assert (await newer.send(message(upload_id, MP3))).status == 200
        superseded = await stale.response()
    assert (superseded.status, superseded.json["code"]) == (409, "superseded")
    await assert_spooled(api, upload_id)


@pytest.mark.parametrize("message", [raw, form])
async def test_bytes_of_a_killed_process_are_free_at_once(
    server: Server, api: Api, connections: tuple[Connection, Connection], message: Callable[..., bytes]
) -> None:
    stale, newer = connections
    upload_id = (await api.create(length=len(MP3)))["id"]
    await stale.begin(message(upload_id, WRONG, **EXPECT), HALF)
    await in_partial(server, upload_id, WRONG[:PIECE])
    # While it is stopped it hears no hint, so the newer one waits.
    os.kill(stale.receiver, signal.SIGSTOP)
    sending = asyncio.create_task(newer.send(message(upload_id, MP3)))
    assert (await kill_while_waiting(stale.receiver, sending)).status == 200
    await assert_spooled(api, upload_id)


async def test_stale_append_of_another_process_is_recorded_and_continued(
    server: Server, api: Api, connections: tuple[Connection, Connection]
) -> None:
    stale, newer = connections
    path = await create_tus(api)
    upload_id = path.rpartition("/")[2]
    await stale.begin(append(path, 0, **EXPECT), HALF)
    await in_partial(server, upload_id, MP3[:HALF])
    async with asyncio.timeout(SOON_SECONDS):
        assert (await newer.send(request("HEAD", path, TUS))).offset == HALF
        superseded = await stale.response()
        assert (await newer.send(append(path, HALF))).status == 204
    assert (superseded.status, superseded.json["code"]) == (409, "superseded")
    await assert_spooled(api, upload_id)


async def test_append_of_a_killed_process_is_over_at_once(
    server: Server, api: Api, connections: tuple[Connection, Connection]
) -> None:
    stale, newer = connections
    path = await create_tus(api)
    await stale.begin(append(path, 0, **EXPECT), HALF)
    await in_partial(server, path.rpartition("/")[2], MP3[:PIECE])
    os.kill(stale.receiver, signal.SIGSTOP)
    asking = asyncio.create_task(newer.send(request("HEAD", path, TUS)))
    standing = await kill_while_waiting(stale.receiver, asking)
    assert standing.status == 200
    assert (await newer.send(append(path, standing.offset))).status == 204
    await assert_spooled(api, path.rpartition("/")[2])


@pytest.mark.parametrize("server", [{"sync": "upload"}], indirect=True)
async def test_bytes_that_a_killed_process_was_recording_are_not_overwritten(
    server: Server, api: Api, connections: tuple[Connection, Connection]
) -> None:
    killed, newer = connections
    upload_id = (await api.create(length=len(MP3)))["id"]
    await killed.begin(raw(upload_id, MP3, **EXPECT), HALF)
    await in_partial(server, upload_id, MP3[:HALF])
    os.kill(server.sidecar, signal.SIGSTOP)
    try:
        await killed.go_on(MP3[HALF:])
        await in_partial(server, upload_id, MP3)
        # Let it send the request to record, its last step.
        await asyncio.sleep(0.3)
        os.kill(killed.receiver, signal.SIGKILL)
        wait_for_exit(killed.receiver)
        beginning = asyncio.create_task(newer.begin(raw(upload_id, WRONG, **EXPECT), HALF))
        await asyncio.wait([beginning], timeout=0.5)
    finally:
        os.kill(server.sidecar, signal.SIGCONT)
    newer.close()
    await asyncio.gather(beginning, return_exceptions=True)
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await api.show(upload_id))["received"] != [[0, len(MP3)]]:
            await asyncio.sleep(0.02)
    assert (server.partials / f"{upload_id}.partial").read_bytes() == MP3
