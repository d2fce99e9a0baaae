"""Every kind of request of tus and the draft: truncated at every boundary, and sent byte by byte."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3
from tests.support.wire import boundaries, cut, request, send, send_bytewise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tests.support.api import Api
    from tests.support.server import Server
    from tests.support.wire import WireResponse

MP3 = make_mp3(0.1, seed=161)
HALF = len(MP3) // 2
TUS = {"Tus-Resumable": "1.0.0"}
TUS_BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
VERSIONS = (3, 5, 6, 8, 9, 10, None)
SHA1 = f"sha1 {base64.b64encode(hashlib.sha1(MP3[HALF:]).digest()).decode()}"


class Wire:
    """Send requests to one server, each over a new connection."""

    def __init__(self, server: Server, api: Api) -> None:
        self.port = server.port
        self.api = api

    async def do(self, message: bytes, status: int) -> WireResponse:
        """Return the response, which must have this status."""
        answer = await send(self.port, message)
        assert answer.status == status, answer
        return answer

    async def uploads(self, name: str) -> list[str]:
        """Return the states of the uploads with this name."""
        found = await self.api.listed("limit=100")
        return [upload["state"] for upload in found if upload["filename"] == name]

    async def cut_everywhere(self, message: bytes, *, in_body: bool) -> None:
        """Send each prefix of the message over a connection that is then closed."""
        head = message.index(b"\r\n\r\n") + 4
        ends: Iterable[int] = boundaries(message, *range(0, len(message) - head, 100))
        stops = [at for at in ends if at < head or (in_body and at < len(message))]
        await asyncio.gather(*(cut(self.port, message[:at]) for at in stops))


@pytest.fixture
def wire(shared_server: Server, api: Api) -> Wire:
    return Wire(shared_server, api)


def named(name: str) -> dict[str, str]:
    return {"Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}"}


async def tus_upload(wire: Wire, *, sent: int = HALF, **more: str) -> str:
    """Create an upload and send this many bytes."""
    announced = {"Upload-Length": str(len(MP3))} if "Upload_Defer_Length" not in more else {}
    fields = {name.replace("_", "-"): value for name, value in more.items()}
    path = (await wire.do(request("POST", "/tus/", {**TUS, **announced, **fields}), 201)).location
    if sent:
        await wire.do(request("PATCH", path, {**TUS_BYTES, "Upload-Offset": "0"}, MP3[:sent]), 204)
    return path


async def tus_creation(_wire: Wire) -> tuple[bytes, int, int | None]:
    return request("POST", "/tus/", {**TUS, **named("cut.mp3"), "Upload-Length": str(len(MP3))}), 201, None


async def tus_deferred(_wire: Wire) -> tuple[bytes, int, int | None]:
    return request("POST", "/tus/", {**TUS, **named("cut.mp3"), "Upload-Defer-Length": "1"}), 201, None


async def tus_creation_with_bytes(_wire: Wire) -> tuple[bytes, int, int | None]:
    fields = {**TUS_BYTES, **named("cut.mp3"), "Upload-Length": str(len(MP3))}
    return request("POST", "/tus/", fields, MP3), 201, len(MP3)


async def tus_patch(wire: Wire) -> tuple[bytes, int, int | None]:
    path = await tus_upload(wire)
    return request("PATCH", path, {**TUS_BYTES, "Upload-Offset": str(HALF)}, MP3[HALF:]), 204, len(MP3)


async def tus_patch_by_post(wire: Wire) -> tuple[bytes, int, int | None]:
    path = await tus_upload(wire)
    fields = {**TUS_BYTES, "Upload-Offset": str(HALF), "X-HTTP-Method-Override": "PATCH"}
    return request("POST", path, fields, MP3[HALF:]), 204, len(MP3)


async def tus_patch_with_checksum(wire: Wire) -> tuple[bytes, int, int | None]:
    path = await tus_upload(wire)
    fields = {**TUS_BYTES, "Upload-Offset": str(HALF), "Upload-Checksum": SHA1}
    return request("PATCH", path, fields, MP3[HALF:]), 204, len(MP3)


async def tus_patch_with_length(wire: Wire) -> tuple[bytes, int, int | None]:
    path = await tus_upload(wire, Upload_Defer_Length="1")
    fields = {**TUS_BYTES, "Upload-Offset": str(HALF), "Upload-Length": str(len(MP3))}
    return request("PATCH", path, fields, MP3[HALF:]), 204, len(MP3)


async def tus_final(wire: Wire) -> tuple[bytes, int, int | None]:
    part = await tus_upload(wire, sent=len(MP3), Upload_Concat="partial")
    fields = {**TUS, **named("cut.mp3"), "Upload-Concat": f"final;{part}"}
    return request("POST", "/tus/", fields), 201, None


async def tus_head(wire: Wire) -> tuple[bytes, int, int | None]:
    return request("HEAD", await tus_upload(wire), TUS), 200, HALF


async def tus_delete(wire: Wire) -> tuple[bytes, int, int | None]:
    return request("DELETE", await tus_upload(wire), TUS), 204, None


async def tus_options(_wire: Wire) -> tuple[bytes, int, int | None]:
    return request("OPTIONS", "/tus/", {}), 204, None


TUS_KINDS: list[Callable[[Wire], Awaitable[tuple[bytes, int, int | None]]]] = [
    *(tus_creation, tus_deferred, tus_creation_with_bytes, tus_patch, tus_patch_by_post, tus_patch_with_checksum),
    *(tus_patch_with_length, tus_final, tus_head, tus_delete, tus_options),
]


@pytest.mark.parametrize("kind", TUS_KINDS)
async def test_tus(wire: Wire, kind: Callable[[Wire], Awaitable[tuple[bytes, int, int | None]]]) -> None:
    before = await wire.uploads("cut.mp3")
    message, status, offset = await kind(wire)
    # The received bytes of a truncated body without a checksum are kept: test_tus.py.
    proven = b"Upload-Checksum" in message or message.startswith(b"POST /tus/ ")
    await wire.cut_everywhere(message, in_body=proven)
    answer = await send_bytewise(wire.port, message)
    assert (answer.status, offset is None or answer.offset == offset) == (status, True), answer
    made = len(await wire.uploads("cut.mp3")) - len(before)
    assert made == (1 if status == 201 and offset is None else made)


class Draft:
    """Requests of one interoperability version."""

    def __init__(self, wire: Wire, version: int | None) -> None:
        self.wire = wire
        self.version = version

    def request(self, method: str, path: str, body: bytes = b"", *, last: bool | None = None, **more: str) -> bytes:
        fields = {name.replace("_", "-"): value for name, value in more.items()}
        if self.version is not None:
            fields["Upload-Draft-Interop-Version"] = str(self.version)
        if last is not None and self.version == 3:
            fields["Upload-Incomplete"] = "?0" if last else "?1"
        elif last is not None:
            fields["Upload-Complete"] = "?1" if last else "?0"
        return request(method, path, fields, body)

    async def upload(self) -> str:
        return (await self.wire.do(self.request("POST", "/rufh/", MP3[:HALF], last=False), 201)).location

    async def messages(self) -> dict[str, tuple[bytes, int, int | None]]:
        """Return every kind of request, with the status and offset of its response."""
        append = {"Content_Type": "application/partial-upload", "Upload_Offset": str(HALF)}
        more = 204 if self.version is None or self.version > 6 else 201
        rest = MP3[HALF:-10]
        return {
            "careful creation": (self.request("POST", "/rufh/", last=False), 201, 0),
            "creation with bytes": (self.request("POST", "/rufh/", MP3[:HALF], last=False), 201, HALF),
            "creation with all": (self.request("PUT", "/rufh/", MP3, last=True), 201, len(MP3)),
            "append": (
                self.request("PATCH", await self.upload(), rest, last=False, **append),
                more,
                HALF + len(rest),
            ),
            "last append": (
                self.request("PATCH", await self.upload(), MP3[HALF:], last=True, **append),
                201,
                len(MP3),
            ),
            "offset": (self.request("HEAD", await self.upload()), 204, HALF),
            "cancel": (self.request("DELETE", await self.upload()), 204, None),
            "options": (self.request("OPTIONS", "/rufh/"), 204, None),
        }


@pytest.mark.parametrize("version", VERSIONS)
async def test_draft(wire: Wire, version: int | None) -> None:
    messages = await Draft(wire, version).messages()
    await asyncio.gather(
        *(
            wire.cut_everywhere(message, in_body=message.startswith(b"P") and b" /rufh/ " in message[:20])
            for message, _, _ in messages.values()
        )
    )
    for kind, (message, status, offset) in messages.items():
        answer = await send_bytewise(wire.port, message)
        assert (answer.status, offset is None or answer.offset == offset) == (status, True), (kind, answer)
