"""The extensions of tus 1.0, requirement by requirement: creation, expiration, checksum, termination."""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.tus_client import BYTES, MIB, MP3, VERSION, Tus, checksum, metadata
from tests.support.server import Server
from tests.support.wire import READ_SECONDS, cut, request, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api


async def test_k1_exactly_one_length_is_needed(tus: Tus) -> None:
    for headers in (
        {},
        {"Upload-Length": "5", "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "0"},
        {"Upload-Defer-Length": "2"},
    ):
        assert (await tus.ask("POST", "/tus/", {**VERSION, **headers})).status == 400


async def test_k2_location_is_a_path_and_is_sent_with_errors_too(tus: Tus) -> None:
    path = await tus.create(100)
    assert path.startswith("/tus/")
    wrong = {**BYTES, "Upload-Length": "10", **checksum("sha1", bytes(20))}
    answer = await tus.ask("POST", "/tus/", wrong, b"0123456789")
    assert (answer.status, await tus.offset(answer.location)) == (460, 0)


async def test_k3_a_length_over_the_limit_is_413(small_server: Server) -> None:
    answer = await Tus(small_server).ask("POST", "/tus/", {**VERSION, "Upload-Length": str(21 * MIB)})
    assert (answer.status, answer.json["limit"]) == (413, 20 * MIB)


async def test_k4_empty_file_is_refused_at_creation(tus: Tus) -> None:
    answer = await tus.ask("POST", "/tus/", {**VERSION, "Upload-Length": "0"})
    assert (answer.status, answer.json["field"]) == (400, "Upload-Length")


@pytest.mark.parametrize(
    "value",
    ["filename", "a !!!", "a YQ== b", "a YQ==,a YQ==", "filename /w==", "ä YQ==", "a YQ==,,b YQ==", "date c29vbg=="],
)
async def test_k5_malformed_metadata_is_400(tus: Tus, value: str) -> None:
    fields = {**VERSION, "Upload-Length": "9", "Upload-Metadata": value}
    # A value may be empty, and so may the file name.
    assert (await tus.ask("POST", "/tus/", fields)).status == (201 if value == "filename" else 400)


async def test_k5_metadata_names_and_tags_the_file(tus: Tus, api: Api) -> None:
    described = metadata(filename="한글.mp3", filetype="audio/mpeg", title="Night", sender="Kim", weather="wet")
    answer = await tus.ask("POST", "/tus/", {**BYTES, **described, "Upload-Length": str(len(MP3))}, MP3)
    upload = await api.ended(answer.location.rpartition("/")[2])
    assert (upload["filename"], upload["tags"], upload["sender"]) == ("한글.mp3", {"title": "Night"}, "Kim")
    file = (await api.get(upload["file"]["url"], headers=api.admin)).body
    assert (file["title"], file["filename"]) == ("Night", "한글.mp3")


async def test_k6_head_returns_metadata_unchanged(tus: Tus) -> None:
    value = "filename YS5tcDM=,empty,  spaced YQ=="
    path = await tus.create(9, Upload_Metadata=value)
    assert (await tus.head(path))["Upload-Metadata"] == value
    assert (await tus.head(await tus.create(9)))["Upload-Metadata"] is None


async def test_k7_k8_deferred_length_is_set_once(tus: Tus) -> None:
    path = await tus.create(None)
    answer = await tus.head(path)
    assert (answer["Upload-Defer-Length"], answer["Upload-Length"]) == ("1", None)
    await tus.patch(path, 0, MP3[:1000])
    assert (await tus.patch(path, 1000, b"", Upload_Length="999")).status == 400
    assert (await tus.patch(path, 1000, b"", Upload_Length=str(2**62))).status == 413
    assert (await tus.patch(path, 1000, MP3[1000:2000], Upload_Length=str(len(MP3)))).status == 204
    answer = await tus.head(path)
    assert (answer["Upload-Defer-Length"], answer["Upload-Length"]) == (None, str(len(MP3)))
    assert (await tus.patch(path, 2000, b"x", Upload_Length="3000")).json["code"] == "length_differs"
    assert (await tus.patch(path, 2000, MP3[2000:], Upload_Length=str(len(MP3)))).status == 204


async def test_k8_length_may_be_sent_after_the_last_byte(tus: Tus) -> None:
    path = await tus.create(None)
    await tus.patch(path, 0, MP3)
    answer = await tus.patch(path, len(MP3), b"", Upload_Length=str(len(MP3)))
    assert (answer.status, (answer["Upload-Result"] or "")[-8:]) == (204, "=spooled")


async def test_k9_k10_creation_with_the_first_bytes(tus: Tus) -> None:
    answer = await tus.ask("POST", "/tus/", {**BYTES, "Upload-Length": str(len(MP3))}, MP3[:100])
    assert (answer.status, answer.offset) == (201, 100)
    assert await tus.offset(answer.location) == 100
    other = {**VERSION, "Content-Type": "text/plain", "Upload-Length": "100"}
    answer = await tus.ask("POST", "/tus/", other, b"abc")
    assert (answer.status, await tus.offset(answer.location)) == (201, 0)


async def test_k9_creation_with_a_truncated_body_is_abandoned(tus: Tus, api: Api) -> None:
    named = metadata(filename="cut creation.mp3")
    message = request("POST", "/tus/", {**BYTES, **named, "Upload-Length": str(len(MP3))}, MP3)
    await cut(tus.server.port, message[:-1000], READ_SECONDS)
    async with asyncio.timeout(30):
        while (newest := (await api.listed("limit=1"))[0])["state"] != "cancelled":
            await asyncio.sleep(0.02)
    assert newest["filename"] == "cut creation.mp3"


async def test_k11_refused_creation_sends_no_body_with_expect(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    waiting = {**BYTES, "Expect": "100-continue"}
    refused = await send(tus.server.port, request("PATCH", path, {**waiting, "Upload-Offset": "5"}, length=1000))
    assert (refused.status, refused.interim) == (409, [])
    taken = request("PATCH", path, {**waiting, "Upload-Offset": "0"}, MP3[:1000])
    answer = await send(tus.server.port, taken)
    assert (answer.status, [interim.status for interim in answer.interim]) == (204, [100])


async def test_e1_e2_e3_unfinished_uploads_have_upload_expires(tus: Tus) -> None:
    created = await tus.ask("POST", "/tus/", {**VERSION, "Upload-Length": str(len(MP3))})
    patched = await tus.patch(created.location, 0, MP3[:10])
    for answer in (created, patched, await tus.head(created.location)):
        expires = answer["Upload-Expires"] or ""
        assert expires.endswith(" GMT")
        assert abs(parsedate_to_datetime(expires).timestamp() - time.time() - 7 * 24 * 3600) < 60
    assert (await tus.patch(created.location, 10, MP3[10:]))["Upload-Expires"] is None


@pytest.mark.once  # in a store without locks writers are not seen
async def test_e4_e5_expired_upload_is_410_unless_it_is_being_written(data: Path) -> None:
    with Server(data, disk_reserve=0, upload_lifetime=0.5, sweep_interval=0.1) as server:
        tus = Tus(server)
        idle, busy = await tus.create(100), await tus.create(100)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request("PATCH", busy, {**BYTES, "Upload-Offset": "0"}, bytes(10), 100))
        await asyncio.sleep(1.2)
        assert (await tus.head(idle)).status == 410
        assert await tus.offset(busy) == 10
        writer.close()


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha1", hashlib.sha1(MP3[:1000]).digest()),
        ("sha256", hashlib.sha256(MP3[:1000]).digest()),
        ("sha512", hashlib.sha512(MP3[:1000]).digest()),
        ("md5", hashlib.md5(MP3[:1000]).digest()),
        ("crc32", zlib.crc32(MP3[:1000]).to_bytes(4, "big")),
    ],
)
async def test_x1_x2_x3_x5_checksum_is_checked_against_the_body(tus: Tus, algorithm: str, digest: bytes) -> None:
    path = await tus.create(len(MP3))
    damaged = await tus.patch(path, 0, b"?" + MP3[1:1000], **checksum(algorithm, digest))
    assert (damaged.status, damaged.reason, await tus.offset(path)) == (460, "Checksum Mismatch", 0)
    answer = await tus.patch(path, 0, MP3[:1000], **checksum(algorithm, digest))
    assert (answer.status, answer.offset) == (204, 1000)


@pytest.mark.parametrize("value", ["sha1", "sha1 !!!", "sha1 YQ==", "sha3 YQ==", "SHA1 YQ==", "", "blake2b YQ=="])
async def test_x1_x2_an_unknown_or_malformed_checksum_is_400(tus: Tus, value: str) -> None:
    path = await tus.create(100)
    assert (await tus.patch(path, 0, b"x", Upload_Checksum=value)).status == 400
    assert await tus.offset(path) == 0


async def test_x4_truncated_body_with_a_checksum_is_discarded(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    headers = {**BYTES, "Upload-Offset": "0", **checksum("sha1", hashlib.sha1(MP3).digest())}
    await cut(tus.server.port, request("PATCH", path, headers, MP3)[:-1], READ_SECONDS)
    assert await tus.offset(path) == 0


async def test_x4_truncated_body_without_a_length_with_a_checksum_is_discarded(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    headers = {**BYTES, "Upload-Offset": "0", **checksum("sha1", hashlib.sha1(MP3).digest())}
    head = request("PATCH", path, {**headers, "Transfer-Encoding": "chunked"}).replace(b"Content-Length: 0\r\n", b"")
    await cut(tus.server.port, head + b"3e8\r\n" + MP3[:1000] + b"\r\n", READ_SECONDS)
    assert await tus.offset(path) == 0


async def test_t1_t2_delete_cancels_the_upload(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    await tus.patch(path, 0, MP3[:1000])
    assert (await tus.ask("DELETE", path)).status == 204
    assert path.rpartition("/")[2] not in tus.server.store.unfinished()
    assert (await tus.ask("DELETE", path)).status in (204, 410)
    assert (await tus.head(path)).status == (await tus.patch(path, 1000, b"x")).status == 410


async def test_t3_finished_file_cannot_be_cancelled(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    await tus.patch(path, 0, MP3)
    assert (await tus.ask("DELETE", path)).status == 403
    assert await tus.offset(path) == len(MP3)
