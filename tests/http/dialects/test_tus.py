"""The core of tus 1.0, requirement by requirement: a test is named by the number of its requirement.

What each number asks for stands in `tests/test_requirements.py`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.tus_client import BYTES, MIB, MP3, VERSION, Tus, metadata
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server
from tests.support.wire import READ_SECONDS, boundaries, cut, request, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api


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
    await cut(tus.server.port, message[: body + 10_000], READ_SECONDS)
    # The service may not have read it yet.
    async with asyncio.timeout(30):
        while await tus.offset(path) != 10_000:
            await asyncio.sleep(0.05)
    assert (await tus.patch(path, 10_000, MP3[10_000:])).status == 204


async def test_c16_long_body_is_recorded_while_it_is_received(tus: Tus, api: Api) -> None:
    whole = make_mp3_of(20 * MIB, seed=72)
    path = await tus.create(len(whole))
    _, writer = await asyncio.open_connection("127.0.0.1", tus.server.port)
    writer.write(request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, whole[: 17 * MIB], len(whole)))
    async with asyncio.timeout(30):
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
        await cut(port, message[: body + 1999], READ_SECONDS)
        sent += 1999
        assert await tus.offset(path) == sent
    assert (await tus.patch(path, sent, MP3[sent:])).status == 204
