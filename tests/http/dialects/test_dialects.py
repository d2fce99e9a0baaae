"""One table of scenarios through every dialect: native slices, tus, and the IETF draft."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.support.api import Api, digest_field
from tests.support.full_disk import small_disk
from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.server import Server
from tests.support.wire import WireAnswer, cut, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
MP3 = make_mp3(4, seed=61)

PIECE = 16 * 1024
"""Bytes of the smallest slice that every dialect takes."""


class Dialect(Protocol):
    """How a client of one dialect puts its wishes."""

    def create(self, length: int) -> bytes:
        """Asks for an upload."""

    def append(self, upload_id: str, at: int, body: bytes, length: int, *, announced: int | None = None) -> bytes:
        """Sends bytes at an offset of an upload of so many bytes; `announced` promises more than `body`."""

    def cancel(self, upload_id: str) -> bytes:
        """Gives the upload up."""


class Native:
    """Slices as raw bodies."""

    def create(self, length: int) -> bytes:
        wish = json.dumps({"filename": "native.mp3", "length": length}).encode()
        return request("POST", "/api/v1/uploads", {"Content-Type": "application/json"}, wish)

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


class Talk:
    """A client of one dialect and its server."""

    def __init__(self, dialect: Dialect, server: Server, api: Api) -> None:
        self.dialect = dialect
        self.server = server
        self.api = api

    async def create(self, length: int = len(MP3)) -> str:
        answer = await send(self.server.port, self.dialect.create(length))
        assert answer.status == 201, answer
        return answer.location.rpartition("/")[2]

    async def append(self, upload_id: str, at: int, body: bytes, length: int = len(MP3)) -> WireAnswer:
        return await send(self.server.port, self.dialect.append(upload_id, at, body, length))

    async def offset(self, upload_id: str) -> int:
        return int((await self.api.show(upload_id))["offset"])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may be killed."""
    with Server(tmp_path_factory.mktemp("own") / "data", disk_reserve=0) as server:
        yield server


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where uploads live a second without bytes, and two seconds with them."""
    folder = tmp_path_factory.mktemp("brief") / "data"
    with Server(folder, disk_reserve=0, upload_lifetime=1, upload_deadline=2, sweep_interval=0.1) as server:
        yield server


@pytest.fixture(params=[Native(), Tus(), Draft()], ids=["native", "tus", "draft"])
def talk(request: pytest.FixtureRequest, shared_server: Server, api: Api) -> Talk:
    return Talk(request.param, shared_server, api)


async def test_slices_of_any_size_make_the_file(talk: Talk) -> None:
    whole = make_mp3_of(18 * MIB, seed=62)
    upload_id = await talk.create(len(whole))
    at = 0
    for size in (PIECE if isinstance(talk.dialect, Native) else 1, 5 * MIB, PIECE, 9 * MIB, len(whole)):
        answer = await talk.append(upload_id, at, whole[at : at + size], len(whole))
        assert 200 <= answer.status < 300, answer
        at = min(at + size, len(whole))
        assert await talk.offset(upload_id) == at
    ended = await talk.api.ended(upload_id)
    assert (ended["state"], ended["digest"]) == ("spooled", hashlib.sha256(whole).hexdigest())


async def test_every_upload_is_shown_by_the_rest_api(talk: Talk) -> None:
    upload_id = await talk.create()
    await talk.append(upload_id, 0, MP3[:PIECE])
    newest = (await talk.api.listed("limit=1"))[0]
    assert (newest["id"], newest["state"], newest["received"]) == (upload_id, "receiving", [[0, PIECE]])


async def test_file_that_is_not_mp3_is_rejected_in_the_last_response(talk: Talk) -> None:
    upload_id = await talk.create(3000)
    answer = await talk.append(upload_id, 0, b"abc" * 1000, 3000)
    problem = answer.json if answer.status == 422 else answer.json["problem"]
    assert problem["code"] == "not_mp3"
    assert (await talk.api.show(upload_id))["state"] == "rejected"


async def test_bytes_beyond_the_length_are_refused(talk: Talk) -> None:
    upload_id = await talk.create(1000)
    assert (await talk.append(upload_id, 0, bytes(1001), 1000)).status in (400, 413)
    assert await talk.offset(upload_id) == 0


async def test_repeated_last_slice_is_acknowledged(talk: Talk) -> None:
    upload_id = await talk.create()
    first = await talk.append(upload_id, 0, MP3)
    assert 200 <= first.status < 300
    at = 0 if isinstance(talk.dialect, Native) else len(MP3)
    assert (await talk.append(upload_id, at, MP3[at:])).status == first.status


async def test_truncated_slice_keeps_recorded_bytes(talk: Talk) -> None:
    upload_id = await talk.create()
    await talk.append(upload_id, 0, MP3[:PIECE])
    message = talk.dialect.append(upload_id, PIECE, MP3[PIECE:30_000], len(MP3), announced=len(MP3) - PIECE)
    await cut(talk.server.port, message)
    kept = PIECE if isinstance(talk.dialect, Native) else 30_000
    async with asyncio.timeout(5):
        while (at := await talk.offset(upload_id)) != kept:
            await asyncio.sleep(0.02)
    assert 200 <= (await talk.append(upload_id, at, MP3[at:])).status < 300
    assert (await talk.api.ended(upload_id))["state"] == "spooled"


async def test_newer_writer_takes_over(talk: Talk) -> None:
    upload_id = await talk.create()
    reader, writer = await asyncio.open_connection("127.0.0.1", talk.server.port)
    writer.write(talk.dialect.append(upload_id, 0, MP3[:5000], len(MP3), announced=len(MP3)))
    await asyncio.sleep(0.1)
    at = 0 if isinstance(talk.dialect, Native) else 5000
    assert 200 <= (await talk.append(upload_id, at, MP3[at:])).status < 300
    assert b" 409 " in await reader.readline()
    writer.close()


async def test_a_cancelled_upload_is_gone(talk: Talk) -> None:
    upload_id = await talk.create()
    await talk.append(upload_id, 0, MP3[:PIECE])
    assert (await send(talk.server.port, talk.dialect.cancel(upload_id))).status == 204
    assert (await talk.append(upload_id, PIECE, MP3[PIECE:])).status == 410
    assert (await talk.api.show(upload_id))["state"] == "cancelled"


@pytest.mark.parametrize("other", [Native(), Tus(), Draft()], ids=["native", "tus", "draft"])
async def test_upload_is_written_only_in_its_own_dialect(talk: Talk, other: Dialect) -> None:
    upload_id = await talk.create()
    answer = await send(talk.server.port, other.append(upload_id, 0, MP3[:PIECE], len(MP3)))
    same = type(other) is type(talk.dialect)
    assert (200 <= answer.status < 300) is same
    assert same or answer.status in (403, 409)
    assert await talk.offset(upload_id) == (PIECE if same else 0)


async def test_slice_with_a_wrong_digest_is_not_recorded(talk: Talk) -> None:
    upload_id = await talk.create()
    message = talk.dialect.append(upload_id, 0, MP3[:PIECE], len(MP3))
    named = {"Native": "Content-Digest", "Draft": "Content-Digest", "Tus": "Upload-Checksum"}[
        type(talk.dialect).__name__
    ]
    wrong = digest_field(b"other")
    value = f"sha256 {wrong[9:-1]}" if named == "Upload-Checksum" else wrong
    message = message.replace(b"Host:", f"{named}: {value}\r\nHost:".encode(), 1)
    answer = await send(talk.server.port, message)
    assert (answer.status in (400, 422, 460), answer.json["code"]) == (True, "digest_mismatch")
    assert await talk.offset(upload_id) == 0


async def test_wrong_offset_is_refused_and_changes_nothing(talk: Talk) -> None:
    upload_id = await talk.create()
    await talk.append(upload_id, 0, MP3[:PIECE])
    # A slice may lie beyond a gap, and is the next one for whoever sends slices; half of it is recorded here.
    for at in (500,) if isinstance(talk.dialect, Native) else (0, 500, PIECE - 1, PIECE + 1, 2 * PIECE):
        refused = await talk.append(upload_id, at, MP3[at : at + PIECE])
        assert refused.status == (400 if isinstance(talk.dialect, Native) else 409), refused
        assert await talk.offset(upload_id) == PIECE
    assert 200 <= (await talk.append(upload_id, PIECE, MP3[PIECE:])).status < 300


async def test_file_over_the_limit_is_refused_at_creation(talk: Talk, small_server: Server) -> None:
    answer = await send(small_server.port, talk.dialect.create(21 * MIB))
    assert (answer.status, answer.json["code"], answer.json["limit"]) == (413, "file_too_large", 20 * MIB)


async def test_an_unknown_upload_is_404(talk: Talk) -> None:
    answer = await talk.append("nobody-has-this-one-00", 0, MP3[:10])
    assert (answer.status, answer.json["code"]) == (404, "unknown_upload")


async def test_acknowledged_bytes_survive_a_kill(talk: Talk, own: Server) -> None:
    killed = Talk(talk.dialect, own, Api(talk.api.session, own.url, own.token))
    upload_id = await killed.create()
    assert 200 <= (await killed.append(upload_id, 0, MP3[:20_000])).status < 300
    own.restart()
    assert await killed.offset(upload_id) == 20_000
    assert 200 <= (await killed.append(upload_id, 20_000, MP3[20_000:])).status < 300
    assert (await killed.api.ended(upload_id))["state"] == "spooled"


async def test_full_disk_keeps_recorded_bytes(talk: Talk, tmp_path: Path) -> None:
    whole = make_mp3_of(3 * MIB, seed=63)
    with small_disk(tmp_path / "disk", 24 * MIB) as disk:
        full = Talk(talk.dialect, disk.server, Api(talk.api.session, disk.server.url, disk.server.token))
        upload_id = await full.create(len(whole))
        assert 200 <= (await full.append(upload_id, 0, whole[:MIB], len(whole))).status < 300
        # What is announced is reserved; so the file's own room is there, and nobody else's.
        disk.fill(leave=128 * 1024)
        refused = await send(disk.server.port, talk.dialect.create(8 * MIB))
        assert (refused.status, refused.json["code"]) == (507, "storage_full")
        assert await full.offset(upload_id) == MIB
        disk.free()
        assert 200 <= (await full.append(upload_id, MIB, whole[MIB:], len(whole))).status < 300
        assert (await full.api.ended(upload_id))["digest"] == hashlib.sha256(whole).hexdigest()


async def test_an_idle_upload_expires(talk: Talk, brief: Server) -> None:
    api = Api(talk.api.session, brief.url, brief.token)
    idle = Talk(talk.dialect, brief, api)
    upload_id = await idle.create()
    await idle.append(upload_id, 0, MP3[:PIECE])
    async with asyncio.timeout(30):
        while (await api.show(upload_id))["state"] == "receiving":
            await asyncio.sleep(0.05)
    assert (await api.show(upload_id))["state"] == "expired"
    assert (await idle.append(upload_id, PIECE, MP3[PIECE:])).status == 410
    assert not (brief.partials / f"{upload_id}.partial").exists()


async def test_upload_at_a_trickle_expires(talk: Talk, brief: Server) -> None:
    api = Api(talk.api.session, brief.url, brief.token)
    trickle = Talk(talk.dialect, brief, api)
    upload_id = await trickle.create()
    made = await api.show(upload_id)
    last = datetime.fromisoformat(made["created_at"]) + timedelta(seconds=2)
    async with asyncio.timeout(30):
        for at in range(len(MP3) - 1):
            answer = await trickle.append(upload_id, at, MP3[at : at + 1])
            if answer.status == 410:
                break
            expires = (await api.show(upload_id))["expires_at"]
            assert expires is None or datetime.fromisoformat(expires) <= last
            told = answer["Upload-Expires"]
            assert told is None or parsedate_to_datetime(told) <= last
            await asyncio.sleep(0.1)
    assert (await api.show(upload_id))["state"] == "expired"


async def test_the_native_slice_api_refuses_to_fill_another_dialects_upload(shared_server: Server, api: Api) -> None:
    talk = Talk(Tus(), shared_server, api)
    upload_id = await talk.create()
    assert (await api.put(upload_id, 0, io.BytesIO(MP3))).code == "wrong_state"
