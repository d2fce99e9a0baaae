"""Appending, offset retrieval and cancelling of Resumable Uploads for HTTP, requirement by requirement."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.rufh_client import MP3, PATCH, PROBLEMS, VERSIONS, Rufh
from tests.support.server import Server
from tests.support.wire import READ_SECONDS, boundaries, cut, request, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api

WEEK = 7 * 24 * 3600
"""Seconds that an upload is kept."""


async def test_r9_lengths_agree(rufh: Rufh) -> None:
    wrong = [await rufh.create(MP3, "?1", Upload_Length="5")]
    path = (await rufh.create(MP3[:100], Upload_Length=str(len(MP3)))).location
    wrong += [
        await rufh.patch(path, 100, MP3[100:200], "?1"),
        await rufh.patch(path, 100, MP3[100:200], Upload_Length="4000"),
        await rufh.patch(path, 100, MP3[100:200], "?1", Upload_Length=str(len(MP3))),
    ]
    for answer in wrong:
        assert (answer.status, answer["Upload-Complete"]) == (400, "?0")
        assert answer.json["type"] == f"{PROBLEMS}inconsistent-upload-length"
    assert await rufh.offset(path) == 100
    assert (await rufh.patch(path, 100, MP3[100:], "?1", Upload_Length=str(len(MP3)))).status == 201


async def test_r10_bytes_after_the_length_end_the_upload(rufh: Rufh) -> None:
    path = (await rufh.create(Upload_Length="100")).location
    assert (await rufh.patch(path, 0, bytes(101))).status == 400
    assert (await rufh.head(path)).status == 410
    path = (await rufh.create(Upload_Length="100")).location
    head = request(
        "PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?0", "Transfer-Encoding": "chunked"}
    )
    streamed = head.replace(b"Content-Length: 0\r\n", b"") + b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n"
    assert (await send(rufh.server.port, streamed)).status == 400
    assert (await rufh.head(path)).status == 410


async def test_r11_the_last_byte_does_not_complete(rufh: Rufh) -> None:
    path = (await rufh.create(MP3, Upload_Length=str(len(MP3)))).location
    answer = await rufh.head(path)
    assert (answer.offset, answer["Upload-Complete"]) == (len(MP3), "?0")
    ended = await rufh.patch(path, len(MP3), b"", "?1")
    assert (ended.status, ended["Upload-Complete"]) == (201, "?1")
    assert (await rufh.head(path))["Upload-Complete"] == "?1"


@pytest.mark.parametrize("version", [3, 5, 6])
async def test_r11_announced_length_completes_only_for_early_versions(rufh: Rufh, version: int) -> None:
    client = Rufh(rufh.server, version)
    field, more = ("Upload-Incomplete", "?1") if version == 3 else ("Upload-Complete", "?0")
    created = await client.ask("POST", "/rufh/", {field: more, "Upload-Length": str(len(MP3))})
    fields = {**PATCH, "Upload-Offset": "0", field: more}
    ended = await client.ask("PATCH", created.location, fields, MP3)
    assert (ended.status, ended.offset, ended.json["state"]) == (201, len(MP3), "spooled")


async def test_r11_deferred_completion_survives_a_restart(data: Path) -> None:
    with Server(data, disk_reserve=0) as server:
        rufh = Rufh(server)
        path = (await rufh.create(MP3, Upload_Length=str(len(MP3)))).location
        server.restart()
        assert (await rufh.head(path))["Upload-Complete"] == "?0"
        assert (await rufh.patch(path, len(MP3), b"", "?1")).json["state"] == "spooled"


async def test_r12_truncated_append_keeps_its_bytes_and_does_not_complete(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    message = request("PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}, MP3)
    await cut(rufh.server.port, message[: len(message) - len(MP3) + 9000], READ_SECONDS)
    # The service may not have read it yet.
    async with asyncio.timeout(30):
        while (answer := await rufh.head(path)).offset != 9000:
            await asyncio.sleep(0.05)
    assert answer["Upload-Complete"] == "?0"
    assert (await rufh.patch(path, 9000, MP3[9000:], "?1")).status == 201


async def test_r12_truncated_creation_is_kept_only_if_its_location_was_sent(
    rufh: Rufh, api: Api, interim_server: Server
) -> None:
    message = request("POST", "/rufh/", {"Upload-Complete": "?1", "Upload-Draft-Interop-Version": "8"}, MP3)
    await cut(rufh.server.port, message[:-1000], READ_SECONDS)
    async with asyncio.timeout(30):
        while (await api.listed("limit=1"))[0]["state"] != "cancelled":
            await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", interim_server.port)
    writer.write(message[:-1000])
    interim = (await reader.readuntil(b"\r\n\r\n")).decode()
    await asyncio.sleep(0.1)
    writer.close()
    path = interim.partition("Location: ")[2].partition("\r\n")[0]
    client = Rufh(interim_server)
    assert await client.offset(path) == len(MP3) - 1000
    assert (await client.patch(path, len(MP3) - 1000, MP3[-1000:], "?1")).status == 201


@pytest.mark.parametrize("version", VERSIONS)
async def test_r13_offset_retrieval_has_all_fields(rufh: Rufh, version: int | None) -> None:
    client = Rufh(rufh.server, version)
    path = (await client.create(MP3[:100], Upload_Length=str(len(MP3)))).location
    for method in ("HEAD", "GET"):
        answer = await client.ask(method, path, {})
        assert (answer.status, answer.offset, answer["Upload-Complete"]) == (204, 100, "?0")
        assert (answer["Upload-Length"], answer["Cache-Control"]) == (str(len(MP3)), "no-store")
        age = "expires" if version in (5, 6) else "max-age"
        (seconds,) = re.findall(rf"{age}=(\d+)", answer["Upload-Limit"] or "")
        assert WEEK - 60 < int(seconds) <= WEEK
    asked = await client.ask("HEAD", path, {"Upload-Offset": "0"})
    assert asked.status == (400 if version in (5, 6) else 204)


async def test_r14_r28_retrieval_stops_the_stale_writer_and_returns_a_usable_offset(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    _, writer = await asyncio.open_connection("127.0.0.1", rufh.server.port)
    fields = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}
    writer.write(request("PATCH", path, fields, MP3[:7000], len(MP3)))
    await asyncio.sleep(0.1)
    begun = time.perf_counter()
    offset = await rufh.offset(path)
    assert (offset, time.perf_counter() - begun < 10) == (7000, True)
    writer.write(MP3[7000:])
    assert (await rufh.patch(path, offset, MP3[offset:], "?1")).status == 201
    writer.close()


@pytest.mark.once  # of objects the loss is found when they are read
async def test_r15_a_lost_partial_ends_the_upload(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    rufh.server.store.lose(path.rpartition("/")[2])
    assert (await rufh.patch(path, 100, MP3[100:200])).status == 410
    assert (await rufh.head(path)).status == 410


@pytest.mark.parametrize("version", VERSIONS)
async def test_r16_append_requires_type_offset_and_completeness(rufh: Rufh, version: int | None) -> None:
    client = Rufh(rufh.server, version)
    path = (await client.create()).location
    whole = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?0"}
    typed = await client.ask("PATCH", path, {**whole, "Content-Type": "application/octet-stream"}, b"x")
    assert typed.status == (201 if version == 5 else 415)
    for missing in ("Upload-Offset", "Upload-Complete"):
        fields = {name: value for name, value in whole.items() if name != missing}
        assert (await client.ask("PATCH", path, fields, b"x")).status == 400


async def test_r17_wrong_offset_is_409_with_the_right_one(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    for at in (0, 99, 101):
        answer = await rufh.patch(path, at, b"x", "?1")
        assert (answer.status, answer["Upload-Complete"], answer.offset) == (409, "?0", 100)
        assert answer.json["type"] == f"{PROBLEMS}mismatching-upload-offset"
        assert (answer.json["expected-offset"], answer.json["provided-offset"]) == (100, at)


async def test_r20_repeated_last_append_gets_the_same_response(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    first = await rufh.patch(path, 100, MP3[100:], "?1")
    again = await rufh.patch(path, len(MP3), b"", "?1")
    assert (again.status, again["Upload-Complete"], again.body) == (201, "?1", first.body)


async def test_r23_delete_cancels_the_upload_and_stops_its_writer(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    reader, writer = await asyncio.open_connection("127.0.0.1", rufh.server.port)
    fields = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}
    writer.write(request("PATCH", path, fields, MP3[:7000], len(MP3)))
    await asyncio.sleep(0.1)
    assert (await rufh.ask("DELETE", path, {})).status == 204
    assert b" 4" in await reader.readline()
    writer.close()
    assert (await rufh.head(path)).status == (await rufh.patch(path, 0, b"x")).status == 410
    assert (await rufh.head("/rufh/nobody-has-this-one-00")).status == 404


async def test_request_truncated_at_any_byte_can_be_resumed(rufh: Rufh) -> None:
    path, port = (await rufh.create()).location, rufh.server.port
    for message in (
        request("POST", "/rufh/", {"Upload-Complete": "?1"}, MP3),
        request("HEAD", path, {}),
        request("OPTIONS", "/rufh/", {}),
        request("DELETE", (await rufh.create()).location, {}),
    ):
        for at in boundaries(message, 1, 1000):
            await cut(port, message[:at])
    assert await rufh.offset(path) == 0
    message = request("PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}, MP3)
    body = message.index(b"\r\n\r\n") + 4
    for at in boundaries(message[:body]):
        await cut(port, message[:at])
        assert await rufh.offset(path) == 0
    await cut(port, message[:-1], READ_SECONDS)
    assert await rufh.offset(path) == len(MP3) - 1
    assert (await rufh.patch(path, len(MP3) - 1, MP3[-1:], "?1")).status == 201
