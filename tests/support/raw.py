"""Requests and responses as bytes, for malformed messages."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDARY = "fence"


def part(name: str, content: bytes | str, filename: str | None = None, *headers: str) -> bytes:
    """Return one part of a multipart/form-data body."""
    shown = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}', *headers, "", ""]
    return "\r\n".join(lines).encode() + (content.encode() if isinstance(content, str) else content) + b"\r\n"


def multipart(*parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """Return a complete body."""
    return b"".join(parts) + end


def head(method: str, path: str, *headers: str, length: int | None = None) -> bytes:
    """Return a request line with headers; the default content type is multipart/form-data."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(body: bytes, size: int) -> list[bytes]:
    """Return the body in chunks of `size` bytes, and the last chunk."""
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return [*(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks), b"0\r\n\r\n"]


class RawResponse:
    """A response; status 0 if the connection closed without one."""

    def __init__(self, text: bytes) -> None:
        match = re.match(rb"HTTP/1\.1 (\d+)", text)
        self.status = int(match[1]) if match else 0
        self.body = text.partition(b"\r\n\r\n")[2]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body!r}>"

    @property
    def problem(self) -> dict[str, Any]:
        """Return the problem."""
        body: dict[str, Any] = json.loads(self.body)
        return body


async def send(port: int, pieces: Sequence[bytes], *, hang_up: bool = False, pause: float = 0) -> RawResponse:
    """Send the pieces over one connection and read one response; `hang_up` closes our end after the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if hang_up:
            writer.write_eof()
        text = await _read_response(reader)
    except ConnectionError:
        text = b""
    finally:
        writer.close()
    return RawResponse(text)


async def _read_response(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        try:
            top = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        length = re.search(rb"\r\nContent-Length: (\d+)", top)
        return top + await reader.readexactly(int(length[1]) if length else 0)
