"""Requests of the upload protocols as bytes on a socket: complete, byte by byte, or cut anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

CLOSED_WITHIN_SECONDS = 20

READ_SECONDS = 0.5
"""How long a busy server may take until it reads a body."""


class WireResponse:
    """A final response with its interim ones; status 0 if the connection closed without one."""

    def __init__(self, status: int, reason: str, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.interim: list[WireResponse] = []

    def __repr__(self) -> str:
        return f"<{self.status} {self.headers} {self.body!r} after {self.interim}>"

    def __getitem__(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @property
    def offset(self) -> int:
        """Return Upload-Offset; fail if there is none."""
        assert "upload-offset" in self.headers, self
        return int(self.headers["upload-offset"])

    @property
    def location(self) -> str:
        """Return Location."""
        return self.headers["location"]

    @property
    def json(self) -> dict[str, Any]:
        """Return the body, a JSON object."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"", length: int | None = None) -> bytes:
    """Return a request; `length` replaces the Content-Length of the body."""
    size = len(body) if length is None else length
    given = {"Host": "127.0.0.1", **({"Content-Length": str(size)} if size or method != "HEAD" else {}), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def send(port: int, *pieces: bytes, pause: float = 0.0) -> WireResponse:
    """Send the pieces over a new connection, and read the response meanwhile.

    A server that refuses early closes before it has read everything. Later bytes reset the connection, and the response
    would be lost if it were read only after the last piece.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    response = asyncio.create_task(read_response(reader, head=pieces[0].startswith(b"HEAD")))
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
        return await response
    finally:
        response.cancel()
        writer.close()


async def send_bytewise(port: int, message: bytes) -> WireResponse:
    """Send each byte in a packet of its own."""
    return await send(port, *(message[at : at + 1] for at in range(len(message))))


async def cut(port: int, message: bytes, seconds: float = 0.03) -> None:
    """Send part of a request and disconnect after some seconds; return when the server has closed its end too.

    A server that is busy would otherwise read it after the test's next request, and take it for the newer one. What it
    has not read when the connection ends is lost: a test that needs the bytes gives it READ_SECONDS.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message)
    await writer.drain()
    await asyncio.sleep(seconds)
    with contextlib.suppress(ConnectionError):
        writer.write_eof()
        async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
            await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def read_response(reader: asyncio.StreamReader, *, head: bool = False) -> WireResponse:
    """Read the next final response, with the 1xx ones before it."""
    interim: list[WireResponse] = []
    async with asyncio.timeout(30):
        while True:
            response = await _read_one(reader, head=head)
            if not 100 <= response.status < 200:
                response.interim = interim
                return response
            interim.append(response)


async def _read_one(reader: asyncio.StreamReader, *, head: bool) -> WireResponse:
    try:
        top = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return WireResponse(0, "", {}, b"")
    first, *lines = top.strip().split("\r\n")
    _, status, reason = (*first.split(" ", 2), "")[:3]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    size = 0 if head or int(status) < 200 or int(status) == 204 else int(headers.get("content-length", "0"))
    return WireResponse(int(status), reason, headers, await reader.readexactly(size))


def boundaries(message: bytes, *more: int) -> Iterable[int]:
    """Return where to cut a request: in its first line, after each header, before its body, and at `more`."""
    head = message.index(b"\r\n\r\n") + 4
    ends = [at for at in range(head) if message[at : at + 2] == b"\r\n"]
    return sorted({1, *ends, head, *(head + at for at in more), len(message) - 1})
