"""Requests of each dialect, for scenarios that hold in all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from tests.support.mp3 import make_mp3
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server

MIB = 1024 * 1024
MP3 = make_mp3(4, seed=61)
SLICE = 16 * 1024
"""Bytes of the smallest slice that every dialect accepts."""


class Dialect(Protocol):
    """Requests of one dialect."""

    def create(self, length: int) -> bytes:
        """Create an upload."""

    def append(self, upload_id: str, at: int, body: bytes, length: int, *, announced: int | None = None) -> bytes:
        """Send bytes at an offset of an upload of `length` bytes; `announced` may be more than `body` has."""

    def cancel(self, upload_id: str) -> bytes:
        """Cancel the upload."""


class Native:
    """Slices as raw bodies."""

    def create(self, length: int) -> bytes:
        new_upload = json.dumps({"filename": "native.mp3", "length": length}).encode()
        return request("POST", "/api/v1/uploads", {"Content-Type": "application/json"}, new_upload)

    def append(self, upload_id: str, at: int, body: bytes, length: int, *, announced: int | None = None) -> bytes:
        return request("PUT", f"/api/v1/uploads/{upload_id}/slices/{at}", {}, body, announced)

    def cancel(self, upload_id: str) -> bytes:
        return request("DELETE", f"/api/v1/uploads/{upload_id}", {})


class Tus:
    """tus 1.0."""

    def create(self, length: int) -> bytes:
        return request("POST", "/tus/", {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)})

    def append(self, upload_id: str, at: int, body: bytes, length: int, *, announced: int | None = None) -> bytes:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(at),
        }
        return request("PATCH", f"/tus/{upload_id}", headers, body, announced)

    def cancel(self, upload_id: str) -> bytes:
        return request("DELETE", f"/tus/{upload_id}", {"Tus-Resumable": "1.0.0"})


class Draft:
    """Resumable Uploads for HTTP."""

    def create(self, length: int) -> bytes:
        return request("POST", "/rufh/", {"Upload-Complete": "?0", "Upload-Length": str(length)})

    def append(self, upload_id: str, at: int, body: bytes, length: int, *, announced: int | None = None) -> bytes:
        last = at + (announced or len(body)) >= length
        headers = {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(at),
            "Upload-Complete": "?1" if last else "?0",
        }
        return request("PATCH", f"/rufh/{upload_id}", headers, body, announced)

    def cancel(self, upload_id: str) -> bytes:
        return request("DELETE", f"/rufh/{upload_id}", {})


class DialectClient:
    """A client of one dialect and its server."""

    def __init__(self, dialect: Dialect, server: Server, api: Api) -> None:
        self.dialect = dialect
        self.server = server
        self.api = api

    async def create(self, length: int = len(MP3)) -> str:
        answer = await send(self.server.port, self.dialect.create(length))
        assert answer.status == 201, answer
        return answer.location.rpartition("/")[2]

    async def append(self, upload_id: str, at: int, body: bytes, length: int = len(MP3)) -> WireResponse:
        return await send(self.server.port, self.dialect.append(upload_id, at, body, length))

    async def offset(self, upload_id: str) -> int:
        return int((await self.api.show(upload_id))["offset"])
