"""Client of Resumable Uploads for HTTP with a new connection for every request."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from tests.support.mp3 import make_mp3
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from tests.support.server import Server

MIB = 1024 * 1024
MP3 = make_mp3(2, seed=81)
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
VERSIONS = (5, 6, 8, 9, 10, None)
PATCH = {"Content-Type": "application/partial-upload"}


def digest(name: str, algorithm: str, data: bytes) -> dict[str, str]:
    value = base64.b64encode(hashlib.new(algorithm.replace("-", ""), data).digest()).decode()
    return {name: f"{algorithm}=:{value}:"}


class Rufh:
    """A client of one interoperability version, with a new connection for every request."""

    def __init__(self, server: Server, version: int | None = None) -> None:
        self.server = server
        self.version = {} if version is None else {"Upload-Draft-Interop-Version": str(version)}

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> WireResponse:
        return await send(self.server.port, request(method, path, {**self.version, **headers}, body))

    async def create(self, body: bytes = b"", complete: str = "?0", **headers: str) -> WireResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", "/rufh/", {"Upload-Complete": complete, **named}, body)

    async def patch(self, path: str, at: int, body: bytes, complete: str = "?0", **headers: str) -> WireResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {**PATCH, "Upload-Offset": str(at), "Upload-Complete": complete, **named}
        return await self.ask("PATCH", path, fields, body)

    async def head(self, path: str) -> WireResponse:
        return await self.ask("HEAD", path, {})

    async def offset(self, path: str) -> int:
        return (await self.head(path)).offset


def flag(version: int | None, *, last: bool) -> dict[str, str]:
    """Return the field that says whether the request has the last byte."""
    if version == 3:
        return {"Upload-Incomplete": "?0" if last else "?1"}
    return {"Upload-Complete": "?1" if last else "?0"}
