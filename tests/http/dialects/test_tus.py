"""tus 1.0, requirement by requirement: a test is named by the number of its requirement.

What each number asks for stands in `tests/test_requirements.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
import zlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.server import Server
from tests.support.wire import WireResponse, boundaries, cut, request, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api

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


@pytest.fixture
def tus(shared_server: Server) -> Tus:
    return Tus(shared_server)


async def test_c1_every_response_has_the_version(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    answers = [
        await tus.ask("OPTIONS", "/tus/", {}),
        await tus.head(path),
        await tus.ask("HEAD", "/tus/nobody-has-this-one-00"),
        await tus.ask("PUT", path),
        await tus.ask("PATCH", path, {}),
        await tus.patch(path, 5, b"x"),
        await tus.patch(path, 0, MP3[:5]),
    ]
    assert [answer.status for answer in answers] == [204, 200, 404, 405, 412, 409, 204]
    assert {answer["Tus-Resumable"] for answer in answers} == {"1.0.0"}


async def test_c2_another_version_is_refused_and_changes_nothing(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    for version in ({"Tus-Resumable": "0.2.2"}, {}):
        headers = {**BYTES, "Upload-Offset": "0", **version}
        if not version:
            del headers["Tus-Resumable"]
        for method, target in (("PATCH", path), ("DELETE", path), ("POST", "/tus/")):
            answer = await tus.ask(method, target, headers, b"abc")
            assert (answer.status, answer["Tus-Version"]) == (412, "1.0.0"), (method, answer)
    assert await tus.offset(path) == 0
    assert (await tus.ask("HEAD", path, {})).status == 200


async def test_c3_c4_c5_c19_x6_options_lists_versions_extensions_and_limits(small_server: Server) -> None:
    for path in ("/tus", "/tus/", "/tus/nobody-has-this-one-00"):
        answer = await Tus(small_server).ask("OPTIONS", path, {"Tus-Resumable": "0.0.1"})
        assert (answer.status, answer["Tus-Version"], answer["Tus-Max-Size"]) == (204, "1.0.0", str(20 * MIB))
        assert (answer["Tus-Extension"] or "").split(",") == [
            *("creation", "creation-with-upload", "creation-defer-length"),
            *("checksum", "expiration", "termination", "concatenation"),
        ]
        assert answer["Tus-Checksum-Algorithm"] == "sha1,sha256,sha512,md5,crc32"


async def test_c6_method_override_is_used_only_on_post(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await tus.ask("POST", path, headers, MP3[:100])).status == 204
    assert (await tus.ask("POST", path, {**VERSION, "X-HTTP-Method-Override": "HEAD"})).offset == 100
    assert (await tus.ask("HEAD", path, {**VERSION, "X-HTTP-Method-Override": "DELETE"})).status == 200
    assert (await tus.ask("POST", path, {**VERSION, "X-HTTP-Method-Override": "GET"})).status == 400
    assert (await tus.ask("POST", path, {**VERSION, "X-HTTP-Method-Override": "DELETE"})).status == 204
    assert (await tus.head(path)).status == 410


async def test_c7_c8_c9_c10_head_has_offset_and_length(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    for stop in (0, 1000, len(MP3)):
        answer = await tus.head(path)
        assert (answer.status, answer.body, answer["Cache-Control"]) == (200, b"", "no-store")
        assert answer["Upload-Length"] == str(len(MP3))
        await tus.patch(path, answer.offset, MP3[answer.offset : stop])
        assert await tus.offset(path) == stop
    assert (await tus.head(path))["Upload-Length"] == str(len(MP3))


async def test_c11_c15_unknown_upload_is_404_and_ended_upload_is_410(tus: Tus) -> None:
    path = await tus.create(100)
    await tus.ask("DELETE", path)
    for target, status in (("/tus/nobody-has-this-one-00", 404), (path, 410)):
        for answer in (await tus.head(target), await tus.patch(target, 0, b"x")):
            assert (answer.status, answer["Upload-Offset"]) == (status, None)


async def test_c12_another_media_type_is_415(tus: Tus) -> None:
    path = await tus.create(100)
    for kind in ("application/octet-stream", "text/plain"):
        assert (await tus.patch(path, 0, b"x", Content_Type=kind)).status == 415
    assert (await tus.patch(path, 0, b"x", Content_Type="application/offset+octet-stream; a=b")).status == 204


async def test_c13_another_offset_is_409_and_changes_nothing(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    await tus.patch(path, 0, MP3[:500])
    for at in (0, 499, 501, 10**9):
        answer = await tus.patch(path, at, MP3[:10])
        assert (answer.status, answer.offset, answer.json["code"]) == (409, 500, "offset_mismatch")
    headers = {key: value for key, value in BYTES.items() if key != "Upload-Offset"}
    assert (await tus.ask("PATCH", path, headers, b"x")).status == 400
    assert await tus.offset(path) == 500


async def test_c14_patch_returns_the_new_offset(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    for at in range(0, 5000, 1000):
        answer = await tus.patch(path, at, MP3[at : at + 1000])
        assert (answer.status, answer.offset) == (204, at + 1000)


async def test_c14_acknowledged_bytes_survive_a_kill(data: Path) -> None:
    with Server(data, disk_reserve=0) as server:
        tus = Tus(server)
        path = await tus.create(len(MP3))
        assert (await tus.patch(path, 0, MP3[:5000])).offset == 5000
        server.restart()
        assert await tus.offset(path) == 5000
        assert (await tus.patch(path, 5000, MP3[5000:])).status == 204


async def test_c16_truncated_body_keeps_its_bytes(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    message = request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, MP3)
    body = len(message) - len(MP3)
    await cut(tus.server.port, message[: body + 10_000])
    assert await tus.offset(path) == 10_000
    assert (await tus.patch(path, 10_000, MP3[10_000:])).status == 204


async def test_c16_long_body_is_recorded_while_it_is_received(tus: Tus, api: Api) -> None:
    whole = make_mp3_of(20 * MIB, seed=72)
    path = await tus.create(len(whole))
    _, writer = await asyncio.open_connection("127.0.0.1", tus.server.port)
    writer.write(request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, whole[: 17 * MIB], len(whole)))
    async with asyncio.timeout(10):
        while (await api.show(path.rpartition("/")[2]))["offset"] < 16 * MIB:
            await asyncio.sleep(0.02)
    tus.server.restart()
    writer.close()
    assert await tus.offset(path) == 16 * MIB
    assert (await tus.patch(path, 16 * MIB, whole[16 * MIB :])).status == 204


async def test_c16_slow_body_is_recorded_while_it_is_received(tus: Tus, api: Api) -> None:
    path = await tus.create(len(MP3))
    _, writer = await asyncio.open_connection("127.0.0.1", tus.server.port)
    writer.write(request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, b"", len(MP3)))
    sent = 0
    async with asyncio.timeout(60):
        while not (await api.show(path.rpartition("/")[2]))["offset"]:
            writer.write(MP3[sent : sent + 10])
            sent += 10
            await asyncio.sleep(0.2)
    writer.close()


async def test_c17_idle_body_is_closed_and_its_bytes_are_kept(small_server: Server) -> None:
    tus = Tus(small_server)
    path = await tus.create(len(MP3))
    answer = await send(tus.server.port, request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, MP3[:3000], 9000))
    assert (answer.status, answer.json["code"]) == (408, "idle_timeout")
    assert await tus.offset(path) == 3000


@pytest.mark.parametrize("value", ["-1", "+1", "1_0", " ", "0x1", "1.0", "x", "٣", str(2**63)])
async def test_c18_invalid_number_is_400(tus: Tus, value: str) -> None:
    path = await tus.create(100)
    assert (await tus.patch(path, 0, b"x", Upload_Offset=value)).status == 400
    assert (await tus.ask("POST", "/tus/", {**VERSION, "Upload-Length": value})).status == 400


async def test_c20_bytes_after_the_length_are_413(tus: Tus) -> None:
    path = await tus.create(1000)
    assert (await tus.patch(path, 0, bytes(1001))).status == 413
    assert await tus.offset(path) == 0
    streamed = request("PATCH", path, {**BYTES, "Upload-Offset": "0", "Transfer-Encoding": "chunked"})
    streamed = streamed.replace(b"Content-Length: 0\r\n", b"") + b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n"
    assert (await send(tus.server.port, streamed)).status == 413
    assert await tus.offset(path) == 0


async def test_c20_body_without_a_length_is_accepted(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    head = request("PATCH", path, {**BYTES, "Upload-Offset": "0", "Transfer-Encoding": "chunked"})
    streamed = head.replace(b"Content-Length: 0\r\n", b"") + b"3e8\r\n" + MP3[:1000] + b"\r\n0\r\n\r\n"
    answer = await send(tus.server.port, streamed)
    assert (answer.status, answer.offset) == (204, 1000)


async def test_c21_repeated_last_patch_changes_nothing(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    for at in (0, len(MP3)):
        answer = await tus.patch(path, at, MP3[at:])
        assert (answer.status, answer.offset) == (204, len(MP3))
        assert (answer["Upload-Result"] or "").endswith(";state=spooled")


async def test_stale_writer_is_stopped_and_its_bytes_are_kept(tus: Tus) -> None:
    for ask in (tus.head, lambda path: tus.ask("DELETE", path)):
        path = await tus.create(len(MP3))
        reader, writer = await asyncio.open_connection("127.0.0.1", tus.server.port)
        writer.write(request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, MP3[:7000], len(MP3)))
        await asyncio.sleep(0.1)
        begun = time.perf_counter()
        answer = await ask(path)
        assert time.perf_counter() - begun < 10, "a stale writer must not hold up its successor until it times out"
        assert answer.status == 204 or answer.offset == 7000
        assert b" 4" in await reader.readline()
        writer.close()


async def test_newer_patch_continues_after_the_stale_one(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    _, writer = await asyncio.open_connection("127.0.0.1", tus.server.port)
    writer.write(request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, MP3[:7000], len(MP3)))
    await asyncio.sleep(0.1)
    assert (await tus.patch(path, 7000, MP3[7000:])).status == 204
    writer.close()


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
    await cut(tus.server.port, message[:-1000])
    async with asyncio.timeout(5):
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
    await cut(tus.server.port, request("PATCH", path, headers, MP3)[:-1])
    assert await tus.offset(path) == 0


async def test_x4_truncated_body_without_a_length_with_a_checksum_is_discarded(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    headers = {**BYTES, "Upload-Offset": "0", **checksum("sha1", hashlib.sha1(MP3).digest())}
    head = request("PATCH", path, {**headers, "Transfer-Encoding": "chunked"}).replace(b"Content-Length: 0\r\n", b"")
    await cut(tus.server.port, head + b"3e8\r\n" + MP3[:1000] + b"\r\n")
    assert await tus.offset(path) == 0


async def test_t1_t2_delete_cancels_the_upload(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    await tus.patch(path, 0, MP3[:1000])
    assert (await tus.ask("DELETE", path)).status == 204
    assert not (tus.server.partials / f"{path.rpartition('/')[2]}.partial").exists()
    assert (await tus.ask("DELETE", path)).status in (204, 410)
    assert (await tus.head(path)).status == (await tus.patch(path, 1000, b"x")).status == 410


async def test_t3_finished_file_cannot_be_cancelled(tus: Tus) -> None:
    path = await tus.create(len(MP3))
    await tus.patch(path, 0, MP3)
    assert (await tus.ask("DELETE", path)).status == 403
    assert await tus.offset(path) == len(MP3)


async def test_rejected_upload_returns_the_reason_to_patch_and_410_to_head(tus: Tus, api: Api) -> None:
    path = await tus.create(3000)
    answer = await tus.patch(path, 0, b"abc" * 1000)
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    again = await tus.patch(path, 3000, b"")
    assert (again.status, again.json["reason"]) == (422, answer.json["reason"])
    assert (await tus.head(path)).status == (await tus.ask("DELETE", path)).status == 410
    assert (await api.show(path.rpartition("/")[2]))["problem"]["code"] == "not_mp3"


async def test_a_damaged_file_is_refused_with_its_finding(tus: Tus) -> None:
    damaged = MP3[:9000] + bytes(9000) + MP3[18_000:]
    announced = {**BYTES, "Upload-Length": str(len(damaged))}
    path = await tus.create(len(damaged))
    await tus.patch(path, 0, damaged[:20_000])
    for answer in (
        await tus.patch(path, 20_000, damaged[20_000:]),
        await tus.patch(path, len(damaged), b""),
        await tus.ask("POST", "/tus/", announced, damaged),
    ):
        assert (answer.status, answer.json["code"], answer.json["finding"]) == (422, "damaged", "sync_lost")


async def test_early_rejected_file_returns_the_reason_to_the_next_patch(tus: Tus, api: Api) -> None:
    path = await tus.create(16 * MIB)
    assert (await tus.patch(path, 0, b"words, words\n" * 160_000)).status == 204
    await rejected(api, path)
    answer = await tus.patch(path, 2_080_000, b"more")
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    assert (await tus.head(path)).status == 410


async def test_running_patch_gets_the_early_rejection(tus: Tus) -> None:
    path = await tus.create(40 * MIB)
    head = request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, length=40 * MIB)
    answer = await send(tus.server.port, head, *[b"words, words, no sound\n\n" * 43_690] * 36, pause=0.05)
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")


async def rejected(api: Api, path: str) -> None:
    """Wait until the upload is rejected."""
    async with asyncio.timeout(20):
        while (await api.show(path.rpartition("/")[2]))["state"] != "rejected":
            await asyncio.sleep(0.02)


class Parts:
    """Two complete partial uploads that form one file."""

    def __init__(self, tus: Tus) -> None:
        self.tus = tus
        self.paths: list[str] = []

    async def make(self, *pieces: bytes) -> str:
        for piece in pieces:
            path = await self.tus.create(len(piece), Upload_Concat="partial", **metadata(filename="part.mp3"))
            assert (await self.tus.patch(path, 0, piece)).offset == len(piece)
            self.paths.append(path)
        return f"final;{' '.join(self.paths)}"

    async def join(self, concat: str, headers: dict[str, str] | None = None, body: bytes = b"") -> WireResponse:
        return await self.tus.ask("POST", "/tus/", {**VERSION, "Upload-Concat": concat, **(headers or {})}, body)


@pytest.fixture
def parts(tus: Tus) -> Parts:
    return Parts(tus)


async def test_n1_n8_partial_upload_is_not_finished_as_a_file(parts: Parts, api: Api) -> None:
    await parts.make(MP3)
    answer = await parts.tus.head(parts.paths[0])
    assert (answer.offset, answer["Upload-Concat"]) == (len(MP3), "partial")
    assert (await api.show(parts.paths[0].rpartition("/")[2]))["state"] == "receiving"


async def test_n2_n4_n6_n9_n10_parts_become_one_file_in_their_order(parts: Parts, api: Api) -> None:
    concat = await parts.make(MP3[1000:], MP3[:1000])
    first, second = parts.paths
    concat = f"final;http://elsewhere.example{second} {first}/"
    answer = await parts.join(concat, metadata(filename="joined.mp3"))
    assert (answer.status, (answer["Upload-Result"] or "")[-8:]) == (201, "=spooled")
    head = await parts.tus.head(answer.location)
    assert (head.offset, head["Upload-Length"], head["Upload-Concat"]) == (len(MP3), str(len(MP3)), concat)
    assert (parts.tus.server.spool / "joined.mp3").read_bytes().endswith(MP3)
    assert (await api.show(answer.location.rpartition("/")[2]))["filename"] == "joined.mp3"
    assert [(await parts.tus.head(path)).status for path in parts.paths] == [410, 410]


async def test_n3_n11_final_upload_with_a_length_or_a_body_is_refused(parts: Parts) -> None:
    concat = await parts.make(MP3)
    assert (await parts.join(concat, {"Upload-Length": "5"})).status == 400
    assert (await parts.join(concat, BYTES, b"abc")).status == 403
    assert await parts.tus.offset(parts.paths[0]) == len(MP3)


async def test_n3_the_sum_is_within_the_limit(small_server: Server) -> None:
    parts = Parts(Tus(small_server))
    whole = make_mp3_of(11 * MIB, seed=73)
    assert (await parts.join(await parts.make(whole, whole))).status == 413


async def test_n4_a_part_is_listed_once(parts: Parts) -> None:
    await parts.make(MP3)
    answer = await parts.join(f"final;{parts.paths[0]} {parts.paths[0]}", metadata(filename="twice over.mp3"))
    assert answer.status == 400
    assert (await parts.tus.head(parts.paths[0])).offset == len(MP3)


async def test_n5_unfinished_parts_are_refused(parts: Parts) -> None:
    path = await parts.tus.create(100, Upload_Concat="partial")
    assert 400 <= (await parts.join(f"final;{path}")).status < 500
    assert (await parts.tus.head(path)).offset == 0


@pytest.mark.parametrize("value", ["final;", "final", "whole", "final;/tus/../../etc/passwd", "final;/tus/nobody"])
async def test_n2_concat_without_valid_parts_is_refused(parts: Parts, value: str) -> None:
    assert (await parts.join(value)).status in (400, 404)


async def test_n2_regular_upload_as_a_part_is_refused(parts: Parts) -> None:
    path = await parts.tus.create(100)
    assert (await parts.join(f"final;{path}")).status == 400


async def test_n7_patch_of_a_final_upload_is_refused(parts: Parts) -> None:
    answer = await parts.join(await parts.make(MP3))
    refused = await parts.tus.patch(answer.location, len(MP3), b"x")
    assert (refused.status, refused.json["code"]) == (403, "not_writable")


async def test_n12_sixty_four_parts_are_concatenated(tus: Tus) -> None:
    parts = Parts(tus)
    step = -(-len(MP3) // 64)
    concat = await parts.make(*(MP3[at : at + step] for at in range(0, len(MP3), step)))
    answer = await parts.join(concat, metadata(filename="many.mp3"))
    assert answer.status == 201
    assert (tus.server.spool / "many.mp3").read_bytes().endswith(MP3)


async def test_request_truncated_at_any_byte_can_be_resumed(tus: Tus) -> None:
    path, port = await tus.create(len(MP3)), tus.server.port
    requests = [
        request("POST", "/tus/", {**BYTES, **metadata(filename="a.mp3"), "Upload-Length": str(len(MP3))}, MP3),
        request("HEAD", path, VERSION),
        request("OPTIONS", "/tus/", {}),
        request("DELETE", await tus.create(5), VERSION),
    ]
    for message in requests:
        for at in boundaries(message, 1, 1000):
            await cut(port, message[:at])
    assert await tus.offset(path) == 0
    sent = 0
    while sent < 5000:
        message = request("PATCH", path, {**BYTES, "Upload-Offset": str(sent)}, MP3[sent:])
        body = message.index(b"\r\n\r\n") + 4
        for at in boundaries(message[:body]):
            await cut(port, message[:at])
            assert await tus.offset(path) == sent
        await cut(port, message[: body + 1999])
        sent += 1999
        assert await tus.offset(path) == sent
    assert (await tus.patch(path, sent, MP3[sent:])).status == 204
