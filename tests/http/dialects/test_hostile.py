"""Hostile requests to the dialects: refused with a 4xx, and the service keeps working."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3
from tests.support.wire import WireResponse, cut, read_response, request, send

if TYPE_CHECKING:
    from tests.support.server import Server

MP3 = make_mp3(1, seed=151)
TUS = {"Tus-Resumable": "1.0.0"}
TUS_BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WRONG = b"\xff"


async def create(server: Server, length: int = len(MP3), **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await send(server.port, request("POST", "/tus/", {**TUS, "Upload-Length": str(length), **named}))
    assert answer.status == 201, answer
    return answer.location


async def offset(server: Server, path: str) -> int:
    return (await send(server.port, request("HEAD", path, TUS))).offset


async def together(server: Server, *messages: bytes) -> list[WireResponse]:
    """Return the responses to pipelined requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"".join(messages))
    try:
        return [await read_response(reader, head=message.startswith(b"HEAD")) for message in messages]
    finally:
        writer.close()


def patch(path: str, at: int, body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request("PATCH", path, {**TUS_BYTES, "Upload-Offset": str(at), **named}, body, length)


def with_bytes(message: bytes) -> bytes:
    """Return the message with each `@` replaced by an invalid byte."""
    return message.replace(b"@", WRONG)


@pytest.mark.parametrize("value", ["final;/tus/@", "@", "final;@/tus/nobody-has-this-one-00", "partial@"])
async def test_non_ascii_concat_is_400(shared_server: Server, value: str) -> None:
    message = request("POST", "/tus/", {**TUS, "Upload-Concat": value, "Upload-Length": "5"})
    assert (await send(shared_server.port, with_bytes(message))).status == 400


@pytest.mark.parametrize(
    "name",
    [
        *("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Checksum", "Upload-Defer-Length"),
        *("X-HTTP-Method-Override", "Content-Encoding", "Authorization", "Cookie", "Origin"),
    ],
)
async def test_non_ascii_tus_field_is_a_4xx(shared_server: Server, name: str) -> None:
    message = request("POST", "/tus/", {**TUS_BYTES, "Upload-Length": "10", name: "sha1 @"}, b"x")
    status = (await send(shared_server.port, with_bytes(message))).status
    assert 400 <= status < 500 or (name in ("Authorization", "Cookie") and status == 201)


@pytest.mark.parametrize(
    "name",
    [
        *("Upload-Complete", "Upload-Offset", "Upload-Length", "Content-Digest", "Repr-Digest", "Want-Repr-Digest"),
        *("Upload-Draft-Interop-Version", "Upload-Metadata", "Content-Disposition"),
    ],
)
async def test_no_field_of_the_draft_causes_a_5xx(shared_server: Server, name: str) -> None:
    values = ["@", "", "?0;@", "9" * 30, "-1", "(" * 4000, "a=b, a=c", "1;" * 2000, '"' * 3001, ";;;", "a; b=c; b=d"]
    values += ["inline; filename*=UTF-8''%FF", "inline; filename*=nothing''x", 'inline; filename="@.mp3"', "x=y"]
    messages = [request("POST", "/rufh/", {"Upload-Complete": "?0", name: value}) for value in values]
    answers = await asyncio.gather(*(send(shared_server.port, with_bytes(message)) for message in messages))
    assert {answer.status for answer in answers} <= {201, 400}


@pytest.mark.parametrize("name", ["%00", "%ff%fe", "%ED%A0%80", "..%2f..%2fetc%2fpasswd", "a%20b", "x" * 7000, "'"])
async def test_malformed_ids_are_404(shared_server: Server, name: str) -> None:
    for door in ("tus", "rufh"):
        assert (await send(shared_server.port, request("HEAD", f"/{door}/{name}", TUS))).status == 404


@pytest.mark.parametrize(
    "length", ["-1", "+5", "1e3", "0x10", "5,5", "99999999999999999999", str(2**63), str(2**64 - 1)]
)
async def test_invalid_or_huge_content_lengths_are_refused(shared_server: Server, length: str) -> None:
    path = await create(shared_server)
    messages = (
        request("PATCH", path, {**TUS_BYTES, "Upload-Offset": "0", "Content-Length": length}),
        request("POST", "/rufh/", {"Upload-Complete": "?1", "Content-Length": length}),
    )
    # Of a length that is only too large the server waits ten seconds for bytes before it closes.
    for first, *smuggled in await asyncio.gather(*(together(shared_server, each, HEALTH) for each in messages)):
        assert (400 <= first.status < 500, [answer.status for answer in smuggled]) == (True, [0])
    assert await offset(shared_server, path) == 0


async def test_ten_thousand_keys_of_metadata_are_refused(shared_server: Server) -> None:
    for count in (65, 1000, 10_000):
        fields = {**TUS, "Upload-Length": "5", "Upload-Metadata": ",".join(f"k{number}" for number in range(count))}
        assert (await send(shared_server.port, request("POST", "/tus/", fields))).status == 400


async def test_a_hundred_thousand_parts_are_refused(shared_server: Server) -> None:
    part = await create(shared_server, Upload_Concat="partial")
    for count in (1, 2, 250, 100_000):
        fields = {**TUS, "Upload-Concat": f"final;{' '.join([part] * count)}"}
        # One part is found, and it is incomplete.
        expected = 409 if count == 1 else 400
        assert (await send(shared_server.port, request("POST", "/tus/", fields))).status == expected


async def test_sum_of_parts_is_within_the_file_limit(small_server: Server) -> None:
    parts = []
    for _ in range(21):
        parts.append(await create(small_server, 1024 * 1024, Upload_Concat="partial"))
        assert (await send(small_server.port, patch(parts[-1], 0, bytes(1024 * 1024)))).status == 204
    fields = {**TUS, "Upload-Concat": f"final;{' '.join(parts)}"}
    assert (await send(small_server.port, request("POST", "/tus/", fields))).status == 413


async def test_a_header_of_a_megabyte_is_refused(shared_server: Server) -> None:
    for name in ("Upload-Metadata", "Upload-Complete", "X-Anything"):
        message = request("POST", "/tus/", {**TUS, name: "a" * 1024 * 1024})
        # The connection may close before the whole request is sent.
        with contextlib.suppress(ConnectionError):
            assert (await send(shared_server.port, message)).status in (0, 400)
    assert (await send(shared_server.port, HEALTH)).body == b"ok"


async def test_refused_body_is_not_parsed_as_a_request(shared_server: Server) -> None:
    path = await create(shared_server)
    refused = [
        patch(path, 7, HEALTH * 3),
        request("PATCH", path, {**TUS, "Content-Type": "text/plain", "Upload-Offset": "0"}, HEALTH * 3),
        request("POST", "/tus/", {**TUS_BYTES, "Upload-Length": "3"}, HEALTH * 3),
        request("PUT", path, TUS, HEALTH * 3),
        request("PATCH", path, {}, HEALTH * 3),
        request("PATCH", "/rufh/nobody-has-this-one-00", {"Upload-Offset": "0"}, HEALTH * 3),
    ]
    for message in refused:
        answers = await together(shared_server, message, request("HEAD", path, TUS), HEALTH)
        statuses = [answer.status for answer in answers]
        assert (400 <= statuses[0] < 500, statuses[1:]) == (True, [200, 200]), answers
        assert (answers[1].offset, answers[2].body) == (0, b"ok")


async def test_pipelined_requests_are_handled(shared_server: Server) -> None:
    path = await create(shared_server)
    half = len(MP3) // 2
    answers = await together(
        shared_server,
        patch(path, 0, MP3[:half]),
        request("HEAD", path, TUS),
        patch(path, half, MP3[half:]),
        request("HEAD", path, TUS),
    )
    assert [(answer.status, answer.offset) for answer in answers] == [
        (204, half),
        (200, half),
        (204, len(MP3)),
        (200, len(MP3)),
    ]


async def test_connection_is_closed_after_a_refusal_with_expect(shared_server: Server) -> None:
    path = await create(shared_server)
    draft = {"Content-Type": "application/partial-upload", "Upload-Complete": "?0", "Upload-Offset": "5"}
    for message in (
        patch(path, 7, length=2000, Expect="100-continue"),
        request("PATCH", "/rufh/nobody-has-this-one-00", {**draft, "Expect": "100-continue"}, length=2000),
        request("PUT", "/api/v1/uploads/nobody-has-this-one-00/slices/0", {"Expect": "100-continue"}, length=2000),
    ):
        answer = await send(shared_server.port, message)
        assert (400 <= answer.status < 500, answer["Connection"], answer.interim) == (True, "close", [])
    taken = await send(shared_server.port, patch(path, 0, MP3[:2000], Expect="100-continue"))
    assert (taken.status, taken["Connection"]) == (204, None)


async def test_http_1_0_gets_no_interim_responses(shared_server: Server) -> None:
    path = await create(shared_server)
    old = [
        patch(path, 0, MP3[:500], Expect="100-continue"),
        request("HEAD", path, TUS),
        request("POST", "/rufh/", {"Upload-Complete": "?0", "Upload-Draft-Interop-Version": "8"}, MP3[:500]),
    ]
    for message in old:
        answer = await send(shared_server.port, message.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
        assert (200 <= answer.status < 300, answer.interim, answer.offset) == (True, [], 500)


async def test_bytes_after_the_end_of_a_complete_upload_are_refused(shared_server: Server) -> None:
    path = await create(shared_server)
    assert (await send(shared_server.port, patch(path, 0, MP3))).status == 204
    for body, status in ((b"0\r\n\r\n", 204), (b"3\r\nabc\r\n0\r\n\r\n", 413)):
        streamed = patch(path, len(MP3), Transfer_Encoding="chunked").replace(b"Content-Length: 0\r\n", b"")
        assert (await send(shared_server.port, streamed + body)).status == status
    assert await offset(shared_server, path) == len(MP3)


async def test_concurrent_heads_and_patches_agree(shared_server: Server) -> None:
    """A PATCH at the offset of a HEAD is admitted; nothing hangs or is lost."""
    path = await create(shared_server)
    writers = [(await asyncio.open_connection("127.0.0.1", shared_server.port))[1] for _ in range(6)]
    for number, writer in enumerate(writers):
        writer.write(patch(path, 0, MP3[: 100 * (number + 1)], len(MP3)))
        await writer.drain()
    seen = await asyncio.gather(*(send(shared_server.port, request("HEAD", path, TUS)) for _ in range(6)))
    assert {answer.status for answer in seen} == {200}
    at = await offset(shared_server, path)
    assert at >= max(answer.offset for answer in seen)
    for writer in writers:
        writer.close()
    answer = await send(shared_server.port, patch(path, at, MP3[at:]))
    assert (answer.status, answer.offset) == (204, len(MP3))
    assert any(shared_server.store.read(name).endswith(MP3) for name in shared_server.store.names())


@pytest.mark.once
async def test_cut_requests_leave_no_descriptors_open(shared_server: Server) -> None:
    def left_open() -> list[str]:
        """Return descriptors of partials beyond one each, and of deleted partials."""
        left = []
        for receiver in shared_server.receivers:
            names = [str(link.readlink()) for link in Path(f"/proc/{receiver}/fd").iterdir() if link.is_symlink()]
            found = [name for name in names if ".partial" in name]
            left += [name for name in found if name.endswith("(deleted)") or found.count(name) > 1]
        return left

    paths = [await create(shared_server) for _ in range(10)]
    for door in ("tus", "rufh"):
        creation = request("POST", f"/{door}/", {**TUS_BYTES, "Upload-Length": str(len(MP3))}, MP3)
        await asyncio.gather(*(cut(shared_server.port, creation[:-100]) for _ in range(10)))
    await asyncio.gather(*(cut(shared_server.port, patch(path, 0, MP3[:1000], len(MP3))) for path in paths))
    # After HEAD each append has ended. aiohttp drops bytes that are not read when their connection closes.
    assert {await offset(shared_server, path) for path in paths} <= {0, 1000}
    async with asyncio.timeout(30):
        while left_open():
            await asyncio.sleep(0.05)
