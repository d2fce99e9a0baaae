"""Client of tus 1.0 with a new connection for every request."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.support.mp3 import make_mp3
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from tests.support.server import Server

MIB = 1024 * 1024
VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {**VERSION, "Content-Type": "application/offset+octet-stream"}
MP3 = make_mp3(2, seed=71)


def metadata(**texts: str) -> dict[str, str]:
    pairs = (f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in texts.items())
    return {"Upload-Metadata": ",".join(pairs)}


def checksum(algorithm: str, digest: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


class Tus:
    """A client with a new connection for every request."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> WireResponse:
        return await send(self.server.port, request(method, path, VERSION if headers is None else headers, body))

    async def create(self, length: int | None, **headers: str) -> str:
        announced = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.ask("POST", "/tus/", {**VERSION, **announced, **named})
        assert answer.status == 201, answer
        return answer.location

    async def patch(self, path: str, at: int, body: bytes, **headers: str) -> WireResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("PATCH", path, {**BYTES, "Upload-Offset": str(at), **named}, body)

    async def head(self, path: str) -> WireResponse:
        return await self.ask("HEAD", path)

    async def offset(self, path: str) -> int:
        return (await self.head(path)).offset
