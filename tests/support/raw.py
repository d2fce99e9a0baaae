"""Requests byte by byte, for what no well-behaved client sends."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDARY = "fence"


def part(name: str, content: bytes | str, filename: str | None = None, *headers: str) -> bytes:
    """One part of a multipart/form-data body."""
    shown = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}', *headers, "", ""]
    return "\r\n".join(lines).encode() + (content.encode() if isinstance(content, str) else content) + b"\r\n"


def multipart(*parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """A whole body."""
    return b"".join(parts) + end


def head(method: str, path: str, *headers: str, length: int | None = None) -> bytes:
    """A request line with headers; multipart/form-data unless they say otherwise."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(body: bytes, size: int) -> list[bytes]:
    """A body in chunks of `size` bytes, and the last one."""
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return [*(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks), b"0\r\n\r\n"]


class RawAnswer:
    """What came back; status 0 when the connection closed without a word."""

    def __init__(self, text: bytes) -> None:
        match = re.match(rb"HTTP/1\.1 (\d+)", text)
        self.status = int(match[1]) if match else 0
        self.body = text.partition(b"\r\n\r\n")[2]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body!r}>"

    @property
    def problem(self) -> dict[str, Any]:
        """The problem object."""
        body: dict[str, Any] = json.loads(self.body)
        return body


async def send(port: int, pieces: Sequence[bytes], *, hang_up: bool = False, pause: float = 0) -> RawAnswer:
    """Sends the pieces over one connection and reads one answer; `hang_up` closes our side behind the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if hang_up:
            writer.write_eof()
        text = await _read_answer(reader)
    except ConnectionError:
        text = b""
    finally:
        writer.close()
    return RawAnswer(text)


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        try:
            top = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        length = re.search(rb"\r\nContent-Length: (\d+)", top)
        return top + await reader.readexactly(int(length[1]) if length else 0)
