"""One table of scenarios through every dialect: native slices, tus, and the IETF draft."""

from __future__ import annotations

import asyncio
import hashlib
import io
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.dialect_clients import MIB, MP3, SLICE, Dialect, DialectClient, Draft, Native, Tus
from tests.support.api import Api, digest_field
from tests.support.full_disk import small_disk
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server
from tests.support.wire import READ_SECONDS, cut, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def killable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that a test may kill."""
    with Server(tmp_path_factory.mktemp("killable") / "data", disk_reserve=0) as server:
        yield server


@pytest.fixture(scope="module")
def expiring_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server whose uploads expire after 1 s without bytes, and 2 s with them."""
    folder = tmp_path_factory.mktemp("expiring") / "data"
    with Server(folder, disk_reserve=0, upload_lifetime=1, upload_deadline=2, sweep_interval=0.1) as server:
        yield server


@pytest.fixture(params=[Native(), Tus(), Draft()], ids=["native", "tus", "draft"])
def client(request: pytest.FixtureRequest, shared_server: Server, api: Api) -> DialectClient:
    return DialectClient(request.param, shared_server, api)


async def test_slices_of_any_size_make_the_file(client: DialectClient) -> None:
    whole = make_mp3_of(18 * MIB, seed=62)
    upload_id = await client.create(len(whole))
    at = 0
    for size in (SLICE if isinstance(client.dialect, Native) else 1, 5 * MIB, SLICE, 9 * MIB, len(whole)):
        answer = await client.append(upload_id, at, whole[at : at + size], len(whole))
        assert 200 <= answer.status < 300, answer
        at = min(at + size, len(whole))
        assert await client.offset(upload_id) == at
    ended = await client.api.ended(upload_id)
    assert (ended["state"], ended["digest"]) == ("spooled", hashlib.sha256(whole).hexdigest())


async def test_every_upload_is_shown_by_the_rest_api(client: DialectClient) -> None:
    upload_id = await client.create()
    await client.append(upload_id, 0, MP3[:SLICE])
    newest = (await client.api.listed("limit=1"))[0]
    assert (newest["id"], newest["state"], newest["received"]) == (upload_id, "receiving", [[0, SLICE]])


async def test_file_that_is_not_mp3_is_rejected_in_the_last_response(client: DialectClient) -> None:
    upload_id = await client.create(3000)
    answer = await client.append(upload_id, 0, b"abc" * 1000, 3000)
    problem = answer.json if answer.status == 422 else answer.json["problem"]
    assert problem["code"] == "not_mp3"
    assert (await client.api.show(upload_id))["state"] == "rejected"


async def test_bytes_beyond_the_length_are_refused(client: DialectClient) -> None:
    upload_id = await client.create(1000)
    assert (await client.append(upload_id, 0, bytes(1001), 1000)).status in (400, 413)
    assert await client.offset(upload_id) == 0


async def test_repeated_last_slice_is_acknowledged(client: DialectClient) -> None:
    upload_id = await client.create()
    first = await client.append(upload_id, 0, MP3)
    assert 200 <= first.status < 300
    at = 0 if isinstance(client.dialect, Native) else len(MP3)
    assert (await client.append(upload_id, at, MP3[at:])).status == first.status


async def test_truncated_slice_keeps_recorded_bytes(client: DialectClient) -> None:
    upload_id = await client.create()
    await client.append(upload_id, 0, MP3[:SLICE])
    message = client.dialect.append(upload_id, SLICE, MP3[SLICE:30_000], len(MP3), announced=len(MP3) - SLICE)
    await cut(client.server.port, message, READ_SECONDS)
    kept = SLICE if isinstance(client.dialect, Native) else 30_000
    async with asyncio.timeout(30):
        while (at := await client.offset(upload_id)) != kept:
            await asyncio.sleep(0.02)
    assert 200 <= (await client.append(upload_id, at, MP3[at:])).status < 300
    assert (await client.api.ended(upload_id))["state"] == "spooled"


async def test_newer_writer_takes_over(client: DialectClient) -> None:
    upload_id = await client.create()
    reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
    writer.write(client.dialect.append(upload_id, 0, MP3[:5000], len(MP3), announced=len(MP3)))
    await asyncio.sleep(0.1)
    at = 0 if isinstance(client.dialect, Native) else 5000
    assert 200 <= (await client.append(upload_id, at, MP3[at:])).status < 300
    assert b" 409 " in await reader.readline()
    writer.close()


async def test_a_cancelled_upload_is_gone(client: DialectClient) -> None:
    upload_id = await client.create()
    await client.append(upload_id, 0, MP3[:SLICE])
    assert (await send(client.server.port, client.dialect.cancel(upload_id))).status == 204
    assert (await client.append(upload_id, SLICE, MP3[SLICE:])).status == 410
    shown = await client.api.show(upload_id)
    assert (shown["state"], shown["problem"]) == ("cancelled", None)


@pytest.mark.parametrize("reason", ["wrong week", ""])
async def test_the_sender_sees_that_the_station_cancelled_the_upload_and_why(
    client: DialectClient, reason: str
) -> None:
    upload_id = await client.create()
    await client.append(upload_id, 0, MP3[:SLICE])
    url, station = f"/api/v1/uploads/{upload_id}", client.api.admin
    # Everybody may change what scripts without an account have sent, so without a reason nobody else has cancelled it.
    cancelled = await client.api.request("DELETE", url, headers=station, json={"reason": reason})
    assert cancelled.status == 204
    refused = await client.append(upload_id, SLICE, MP3[SLICE:])
    assert refused.status == 410
    problem = (await client.api.show(upload_id))["problem"]
    if not reason:
        assert problem is None
        return
    assert (problem["code"], problem["reason"]) == ("cancelled_by_station", reason)
    assert problem["detail"] == 'The station cancelled the upload. Its reason: "wrong week".'
    assert (refused.json["code"], refused.json["reason"]) == ("cancelled_by_station", reason)


@pytest.mark.parametrize("other", [Native(), Tus(), Draft()], ids=["native", "tus", "draft"])
async def test_upload_is_written_only_in_its_own_dialect(client: DialectClient, other: Dialect) -> None:
    upload_id = await client.create()
    answer = await send(client.server.port, other.append(upload_id, 0, MP3[:SLICE], len(MP3)))
    same = type(other) is type(client.dialect)
    assert (200 <= answer.status < 300) is same
    assert same or answer.status in (403, 409)
    assert await client.offset(upload_id) == (SLICE if same else 0)


async def test_slice_with_a_wrong_digest_is_not_recorded(client: DialectClient) -> None:
    upload_id = await client.create()
    message = client.dialect.append(upload_id, 0, MP3[:SLICE], len(MP3))
    named = {"Native": "Content-Digest", "Draft": "Content-Digest", "Tus": "Upload-Checksum"}[
        type(client.dialect).__name__
    ]
    wrong = digest_field(b"other")
    value = f"sha256 {wrong[9:-1]}" if named == "Upload-Checksum" else wrong
    message = message.replace(b"Host:", f"{named}: {value}\r\nHost:".encode(), 1)
    answer = await send(client.server.port, message)
    assert (answer.status in (400, 422, 460), answer.json["code"]) == (True, "digest_mismatch")
    assert await client.offset(upload_id) == 0


async def test_wrong_offset_is_refused_and_changes_nothing(client: DialectClient) -> None:
    upload_id = await client.create()
    await client.append(upload_id, 0, MP3[:SLICE])
    # A native slice may follow a gap, so test with one that is half recorded.
    for at in (500,) if isinstance(client.dialect, Native) else (0, 500, SLICE - 1, SLICE + 1, 2 * SLICE):
        refused = await client.append(upload_id, at, MP3[at : at + SLICE])
        assert refused.status == (400 if isinstance(client.dialect, Native) else 409), refused
        assert await client.offset(upload_id) == SLICE
    assert 200 <= (await client.append(upload_id, SLICE, MP3[SLICE:])).status < 300


async def test_file_over_the_limit_is_refused_at_creation(client: DialectClient, small_server: Server) -> None:
    answer = await send(small_server.port, client.dialect.create(21 * MIB))
    assert (answer.status, answer.json["code"], answer.json["limit"]) == (413, "file_too_large", 20 * MIB)


async def test_an_unknown_upload_is_404(client: DialectClient) -> None:
    answer = await client.append("nobody-has-this-one-00", 0, MP3[:10])
    assert (answer.status, answer.json["code"]) == (404, "unknown_upload")


async def test_acknowledged_bytes_survive_a_kill(client: DialectClient, killable_server: Server) -> None:
    killed = DialectClient(
        client.dialect, killable_server, Api(client.api.session, killable_server.url, killable_server.token)
    )
    upload_id = await killed.create()
    assert 200 <= (await killed.append(upload_id, 0, MP3[:20_000])).status < 300
    killable_server.restart()
    assert await killed.offset(upload_id) == 20_000
    assert 200 <= (await killed.append(upload_id, 20_000, MP3[20_000:])).status < 300
    assert (await killed.api.ended(upload_id))["state"] == "spooled"


@pytest.mark.once
async def test_full_disk_keeps_recorded_bytes(client: DialectClient, tmp_path: Path) -> None:
    whole = make_mp3_of(3 * MIB, seed=63)
    with small_disk(tmp_path / "disk", 24 * MIB) as disk:
        full = DialectClient(client.dialect, disk.server, Api(client.api.session, disk.server.url, disk.server.token))
        upload_id = await full.create(len(whole))
        assert 200 <= (await full.append(upload_id, 0, whole[:MIB], len(whole))).status < 300
        # The announced length is reserved, so only this file has disk space.
        disk.fill(leave=128 * 1024)
        refused = await send(disk.server.port, client.dialect.create(8 * MIB))
        assert (refused.status, refused.json["code"]) == (507, "storage_full")
        assert await full.offset(upload_id) == MIB
        disk.free()
        assert 200 <= (await full.append(upload_id, MIB, whole[MIB:], len(whole))).status < 300
        assert (await full.api.ended(upload_id))["digest"] == hashlib.sha256(whole).hexdigest()


async def test_an_idle_upload_expires(client: DialectClient, expiring_server: Server) -> None:
    api = Api(client.api.session, expiring_server.url, expiring_server.token)
    idle = DialectClient(client.dialect, expiring_server, api)
    upload_id = await idle.create()
    await idle.append(upload_id, 0, MP3[:SLICE])
    async with asyncio.timeout(30):
        while (await api.show(upload_id))["state"] == "receiving":
            await asyncio.sleep(0.05)
    assert (await api.show(upload_id))["state"] == "expired"
    assert (await idle.append(upload_id, SLICE, MP3[SLICE:])).status == 410
    # The state changes before the bytes are deleted.
    async with asyncio.timeout(30):
        while upload_id in expiring_server.store.unfinished():
            await asyncio.sleep(0.05)


async def test_upload_at_a_trickle_expires(client: DialectClient, expiring_server: Server) -> None:
    api = Api(client.api.session, expiring_server.url, expiring_server.token)
    trickle = DialectClient(client.dialect, expiring_server, api)
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
            upload_expires = answer["Upload-Expires"]
            assert upload_expires is None or parsedate_to_datetime(upload_expires) <= last
            await asyncio.sleep(0.1)
    assert (await api.show(upload_id))["state"] == "expired"


async def test_the_native_slice_api_refuses_to_fill_another_dialects_upload(shared_server: Server, api: Api) -> None:
    client = DialectClient(Tus(), shared_server, api)
    upload_id = await client.create()
    assert (await api.put(upload_id, 0, io.BytesIO(MP3))).code == "wrong_state"
