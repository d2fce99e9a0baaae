"""Connections that are not served, and how much is read at once from those that are."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from aiohttp import web

from media_service.http.connections.limiter import ConnectionLimiter
from media_service.http.connections.protocol import LimitedProtocol
from media_service.http.connections.rate_limited_log import RateLimitedLog

pytestmark = pytest.mark.once

REQUEST = b"GET / HTTP/1.1\r\nHost: radio.example\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket that is reset when it is closed."""


@pytest.mark.parametrize("resets", [False, True])
async def test_request_of_a_connection_that_was_reset_before_is_not_handled(*, resets: bool) -> None:
    peers = []

    async def handle(request: web.BaseRequest) -> web.Response:
        peers.append(request.remote)
        return web.Response()

    limiter, log = ConnectionLimiter(9, 9), RateLimitedLog("refused")

    def protocol() -> LimitedProtocol:
        return LimitedProtocol(web.Server(handle), limiter, log, log, send_timeout=5, read_bytes=1000)

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        client.sendall(REQUEST)
        if resets:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
        connection, _ = listener.accept()
        connection.setblocking(False)
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
        while not (peers or transport.is_closing()):
            await asyncio.sleep(0.01)
        transport.abort()
        await asyncio.sleep(0.05)
    assert peers == ([] if resets else ["127.0.0.1"])
    assert len(limiter) == 0


async def test_no_more_is_read_at_once_than_the_receiver_wants() -> None:
    body, blocks = bytes(100_000), []

    async def handle(request: web.BaseRequest) -> web.Response:
        blocks.extend([len(block) async for block, _ in request.content.iter_chunks()])
        return web.Response()

    limiter, log = ConnectionLimiter(9, 9), RateLimitedLog("refused")

    def protocol() -> LimitedProtocol:
        return LimitedProtocol(web.Server(handle), limiter, log, log, send_timeout=5, read_bytes=1000)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"POST / HTTP/1.1\r\nHost: radio.example\r\nContent-Length: 100000\r\n\r\n" + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    server.close()
    assert (sum(blocks), max(blocks)) == (len(body), 1000)
