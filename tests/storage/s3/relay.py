"""A connection to a server that breaks when the test wants it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

PIECE_BYTES = 16 * 1024

_DOCUMENT = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_DOCUMENT), _DOCUMENT)
)
_MADE = b"<CompleteMultipartUploadResult><ETag>&quot;0-1&quot;</ETag></CompleteMultipartUploadResult>"
SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_MADE),
    _MADE,
)


class Relay:
    """Passes connections on to a server.

    Of the next connections, one for each number in `cuts_up` (`cuts_down`), only so many bytes pass to the server (to
    the client); then the connection breaks. Before them, `slow_downs` connections get a 503 in response to the headers
    of their request, before its body is read. After them, one connection for each of `early_successes` gets `success`,
    and its request passes to the server so many seconds later, or never (None). `bytes_up` have passed to the server.
    Responses are held back for `held_seconds`.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._target = parts.hostname or "", parts.port or 80
        self.cuts_up: list[int] = []
        self.cuts_down: list[int] = []
        self.slow_downs = 0
        self.early_successes: list[float | None] = []
        self.success = SUCCESS
        self.held_seconds = 0.0
        self.connections = 0
        self.bytes_up = 0
        self._server: asyncio.Server
        self._open = 0
        self._late: list[asyncio.StreamWriter] = []
        self._dropped = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self.drop()
        for late in self._late:
            late.transport.abort()

    @property
    def endpoint(self) -> str:
        """Return the URL to use in place of the server's."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def drop(self) -> None:
        """Break all connections, so that the next request makes a new one."""
        self._dropped.set()
        self._dropped = asyncio.Event()
        while self._open:
            await asyncio.sleep(0.001)
        # Until the client has noticed.
        await asyncio.sleep(0.01)

    def _count_up(self, size: int) -> None:
        self.bytes_up += size

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self.connections += 1
        if self.slow_downs:
            self.slow_downs -= 1
            await reader.readuntil(b"\r\n\r\n")
            await _respond(writer, SLOW_DOWN)
            self._open -= 1
            return
        if self.early_successes and not self.cuts_up:
            await self._promise(reader, writer, self.early_successes.pop(0))
            self._open -= 1
            return
        up = self.cuts_up.pop(0) if self.cuts_up else None
        down = self.cuts_down.pop(0) if self.cuts_down else None
        target_reader, target_writer = await asyncio.open_connection(*self._target)
        passing = [
            asyncio.create_task(_pass_on(reader, target_writer, up, self._count_up)),
            asyncio.create_task(_pass_on(target_reader, writer, down, held_seconds=self.held_seconds)),
            asyncio.create_task(self._dropped.wait()),
        ]
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for each in passing:
            each.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        for side in (writer, target_writer):
            side.transport.abort()
        self._open -= 1

    async def _promise(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float | None) -> None:
        """Say that the request succeeded, and let it do so after the delay."""
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        request = head + await reader.readexactly(int(size[1]) if size else 0)
        await _respond(writer, self.success)
        if delay is not None:
            await asyncio.sleep(delay)
            _, target_writer = await asyncio.open_connection(*self._target)
            target_writer.write(request)
            await target_writer.drain()
            self._late.append(target_writer)


async def _respond(writer: asyncio.StreamWriter, response: bytes) -> None:
    writer.write(response)
    with suppress(ConnectionError):
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    limit: int | None,
    count: Callable[[int], None] = lambda _: None,
    *,
    held_seconds: float = 0.0,
) -> None:
    passed = 0
    with suppress(ConnectionError):
        while block := await reader.read(PIECE_BYTES):
            if limit is not None and passed + len(block) > limit:
                return
            passed += len(block)
            count(len(block))
            await asyncio.sleep(held_seconds)
            writer.write(block)
            await writer.drain()
