"""Malformed bodies: each gets a 4xx with a stable code and records nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import MIB, digest_field
from tests.support.memory import resident
from tests.support.raw import BOUNDARY, chunked, head, multipart, part, send

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server

SLICE = part("slice", b"s" * 1000, "blob", "Content-Type: application/octet-stream")
OFFSET = part("offset", "0")
DIGEST = part("digest", digest_field(b"s" * 1000))

BAD_BODIES = {
    "no boundary": (["Content-Type: multipart/form-data"], multipart(OFFSET, SLICE)),
    "another boundary": (["Content-Type: multipart/form-data; boundary=other"], multipart(OFFSET, SLICE)),
    "boundary too long": ([f"Content-Type: multipart/form-data; boundary={'b' * 100}"], multipart(OFFSET, SLICE)),
    "no multipart": (["Content-Type: text/plain"], b"offset=0"),
    "multipart, but no form": (["Content-Type: multipart/mixed; boundary=fence"], multipart(OFFSET, SLICE)),
    "gzip": (["Content-Encoding: gzip"], multipart(OFFSET, SLICE)),
    "slice before offset": ([], multipart(SLICE, OFFSET)),
    "slice twice": ([], multipart(OFFSET, SLICE, SLICE)),
    "offset twice": ([], multipart(OFFSET, OFFSET, SLICE)),
    "field after the slice": ([], multipart(OFFSET, SLICE, part("more", "x"))),
    "unknown field": ([], multipart(OFFSET, part("mood", "blue"), SLICE)),
    "default charset": ([], multipart(part("_charset_", "utf-8"), OFFSET, SLICE)),
    "10,000 fields": ([], multipart(*[part(f"field{n}", "x") for n in range(10_000)], OFFSET, SLICE)),
    "huge field": ([], multipart(part("offset", "0" * 100_000), SLICE)),
    "no slice": ([], multipart(OFFSET)),
    "no part": ([], multipart()),
    "empty": ([], b""),
    "part without a name": ([], multipart(OFFSET, f"--{BOUNDARY}\r\n\r\nx\r\n".encode())),
    "base64 part": ([], multipart(OFFSET, part("slice", "AAAA", "b", "Content-Transfer-Encoding: base64"))),
    "gzip part": ([], multipart(OFFSET, part("slice", "AAAA", "b", "Content-Encoding: gzip"))),
    "nested multipart": (
        [],
        multipart(OFFSET, f"--{BOUNDARY}\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in--\r\n".encode()),
    ),
    "no last boundary": ([], multipart(OFFSET, SLICE, end=b"")),
    "half a last boundary": ([], multipart(OFFSET, SLICE, end=b"--fen")),
    "endless headers": ([], multipart(OFFSET, part("slice", "x", "b", *[f"X-{n}: y" for n in range(500)]))),
    "long header": ([], multipart(OFFSET, part("slice", "x", "b", "X: " + "y" * 20_000))),
    "preamble without end": ([], b"x" * 100_000),
    "preamble of one line": ([], b"hello\r\n" + multipart(OFFSET, SLICE)),
    "preamble of two empty lines": ([], b"\r\n\r\n" + multipart(OFFSET, SLICE)),
    "preamble that looks like a boundary": ([], b"--fences\r\n" + multipart(OFFSET, SLICE)),
    "charset of the name that fails": (
        [],
        multipart(OFFSET, b"--fence\r\nContent-Disposition: form-data; name*=undefined''%41\r\n\r\nx\r\n"),
    ),
    "continuation of the name that fails": (
        [],
        multipart(OFFSET, b"--fence\r\nContent-Disposition: form-data; name*0*=foo'%41\r\n\r\nx\r\n"),
    ),
    "charset of the form that fails": ([], multipart(part("_charset_", b"\xff"), OFFSET, SLICE)),
    "part with a strange type": (
        [],
        multipart(OFFSET, part("slice", "x", "b", "Content-Type: multipart/" + "(" * 3000)),
    ),
    "offset that is no UTF-8": ([], multipart(part("offset", b"\xff\xfe"), SLICE)),
    "digest that is none": ([], multipart(OFFSET, part("digest", "sha-256=abc"), SLICE)),
    "NUL in the name": ([], multipart(part("off\0set", "0"), SLICE)),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_bad_body_gets_a_4xx_and_records_nothing(api: Api, shared_server: Server, case: str) -> None:
    headers, body = BAD_BODIES[case]
    upload = await api.create(length=5_000)
    path = f"/api/v1/uploads/{upload['id']}/slices"
    answer = await send(shared_server.port, [head("POST", path, *headers, length=len(body)), body])
    assert 400 <= answer.status < 500, answer
    assert answer.problem["status"] == answer.status
    assert answer.problem["code"] in {"malformed", "unsupported_media_type", "body_cut"}
    await _nothing_recorded(api, upload["id"])


@pytest.mark.parametrize("announced", [-1, 1, 50])
async def test_body_of_another_size_than_announced_records_nothing(
    api: Api, shared_server: Server, announced: int
) -> None:
    upload = await api.create(length=1_000)
    path = f"/api/v1/uploads/{upload['id']}/slices"
    body = multipart(OFFSET, SLICE)
    length = len(body) + announced * 20
    answer = await send(shared_server.port, [head("POST", path, length=length), body], hang_up=True)
    assert answer.status in (0, 400), answer
    await _nothing_recorded(api, upload["id"])


async def test_request_without_body_framing_is_refused(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000)
    answer = await send(shared_server.port, [head("POST", f"/api/v1/uploads/{upload['id']}/slices")])
    assert (answer.status, answer.problem["code"]) == (411, "length_required")


@pytest.mark.parametrize("beginning", [b"", b"\r\n"])
async def test_body_without_a_length_is_accepted(api: Api, shared_server: Server, beginning: bytes) -> None:
    upload = await api.create(length=1_000)
    body = beginning + multipart(OFFSET, DIGEST, SLICE)
    request = head("POST", f"/api/v1/uploads/{upload['id']}/slices", "Transfer-Encoding: chunked")
    answer = await send(shared_server.port, [request, *chunked(body, 100)])
    assert (answer.status, answer.problem["offset"]) == (200, 1_000)


async def test_slice_without_a_length_is_limited(small: Api, small_server: Server) -> None:
    upload = await small.create(length=10 * MIB)
    body = multipart(OFFSET, part("slice", bytes(2 * MIB), "blob"))
    request = head("POST", f"/api/v1/uploads/{upload['id']}/slices", "Transfer-Encoding: chunked")
    answer = await send(small_server.port, [request, *chunked(body, MIB)])
    assert (answer.status, answer.problem["code"]) == (413, "slice_too_large")
    await _nothing_recorded(small, upload["id"])


async def test_body_truncated_at_any_byte_records_nothing(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000)
    body = multipart(OFFSET, DIGEST, SLICE)
    request = head("POST", f"/api/v1/uploads/{upload['id']}/slices", length=len(body)) + body
    start = len(request) - len(body)
    for cut in [*range(start, len(request) - 1000, 23), *range(len(request) - 60, len(request) - 1)]:
        answer = await send(shared_server.port, [request[:cut]], hang_up=True)
        assert answer.status in (0, 400), (cut, answer)
    await _nothing_recorded(api, upload["id"])


async def test_body_byte_by_byte_is_the_same_body(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000)
    body = multipart(OFFSET, DIGEST, SLICE)
    request = head("POST", f"/api/v1/uploads/{upload['id']}/slices", length=len(body)) + body
    answer = await send(shared_server.port, [request[at : at + 1] for at in range(len(request))])
    assert answer.status == 200, answer


async def test_client_that_disconnects_in_a_slice_records_nothing(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000)
    body = multipart(OFFSET, SLICE)
    for method, path in (("POST", ""), ("PUT", "/0")):
        request = head(method, f"/api/v1/uploads/{upload['id']}/slices{path}", length=len(body)) + body
        await send(shared_server.port, [request[:-600]], hang_up=True)
    await _nothing_recorded(api, upload["id"])
    assert (await api.put(upload["id"], 0, b"s" * 1000)).status == 200


async def test_endless_preamble_does_not_use_memory(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000)
    size = 48 * 1024 * 1024
    before = sum(map(resident, shared_server.receivers))
    line = b"no boundary in sight\r\n" * 1000
    pieces = [head("POST", f"/api/v1/uploads/{upload['id']}/slices", length=size), *[line] * (size // len(line))]
    answer = await send(shared_server.port, pieces, hang_up=True)
    assert answer.status in (0, 400)
    assert sum(map(resident, shared_server.receivers)) - before < 16 * 1024 * 1024
    await _nothing_recorded(api, upload["id"])


async def test_requests_of_other_origins_are_refused(api: Api) -> None:
    refused: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ]
    for headers in refused:
        answer = await api.request("POST", "/api/v1/uploads", json={"filename": "a", "length": 1}, headers=headers)
        assert (answer.status, answer.code) == (403, "forbidden_origin"), headers
    own = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    answer = await api.request("POST", "/api/v1/uploads", json={"filename": "a", "length": 1}, headers=own)
    assert answer.status == 201


EMPTY = {
    "native": ("PUT", "Content-Type: application/octet-stream"),
    "tus": ("PATCH", "Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream"),
    "rufh": ("PATCH", "Upload-Complete: ?0", "Content-Type: application/partial-upload"),
}


@pytest.mark.parametrize("dialect", EMPTY)
async def test_empty_body_after_empty_body_gets_a_response(api: Api, shared_server: Server, dialect: str) -> None:
    # aiohttp shares one reader between all requests without a body; only the first read returns its end.
    method, *headers = EMPTY[dialect]
    for _ in range(2):
        path = await _created(api, dialect)
        request = head(method, path, "Upload-Draft-Interop-Version: 8", "Upload-Offset: 0", *headers, length=0)
        answer = await send(shared_server.port, [request])
        assert answer.status in {204, 400}, answer
        await _nothing_recorded(api, path.removesuffix("/slices/0").rpartition("/")[2])


async def _created(api: Api, dialect: str) -> str:
    """Return the URL for the first bytes of a new upload of that dialect."""
    if dialect == "native":
        return f"/api/v1/uploads/{(await api.create(length=1_000))['id']}/slices/0"
    headers = {
        "tus": {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"},
        "rufh": {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0", "Upload-Length": "1000"},
    }[dialect]
    answer = await api.request("POST", f"/{dialect}/", headers=headers)
    assert answer.status == 201, answer
    return answer.headers["Location"].removeprefix(api.url)


async def _nothing_recorded(api: Api, upload_id: str) -> None:
    upload = await api.show(upload_id)
    assert (upload["state"], upload["received"]) == ("receiving", [])
