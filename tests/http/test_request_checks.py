"""Checks before any handler: HTTP versions, framing, ids; and headers of every response."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.wire import WireResponse, read_response, request, send

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server

ID = "a" * 22
BAD_IDS = ["x", "a" * 21, "a" * 23, "%00", "..%2f..%2fx", "a" * 300, "%ff" * 22, "a" * 21 + "."]


async def ask(server: Server, message: bytes) -> tuple[WireResponse, bool]:
    """Return the response, and whether the connection stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(message)
        answer = await read_response(reader)
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return answer, (await read_response(reader)).status == 200
    finally:
        writer.close()


CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
FRAMINGS = {
    "HTTP/2.0": b"GET /health HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n",
    "chunks in HTTP/1.0": b"PUT /rufh HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "gzip, chunked": b"PUT /rufh HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKED,
}


@pytest.mark.parametrize("case", FRAMINGS)
async def test_unsupported_version_or_framing_closes_the_connection(shared_server: Server, case: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_server.port)
    writer.write(FRAMINGS[case])
    received = await reader.read()
    writer.close()
    assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), received
    assert received.count(b" 400 Bad Request\r\n") == 1
    assert b'"code"' in received


async def test_chunked_is_case_insensitive(shared_server: Server) -> None:
    message = b"PUT /rufh HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    answer, open_still = await ask(shared_server, message)
    assert (answer.status, answer.json["code"], open_still) == (422, "not_mp3", True)


@pytest.mark.parametrize("encoding", [b"identity\r\nContent-Encoding: gzip", b"gzip", b"br, gzip"])
async def test_every_content_encoding_is_checked(shared_server: Server, encoding: bytes) -> None:
    message = (
        b"PUT /rufh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: "
        + encoding
        + b"\r\nContent-Length: 5\r\n\r\nhello"
    )
    answer = await send(shared_server.port, message)
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "path", ["/", "/health", "/api/v1/uploads", "/nothing", "/static/style.css", "/tus/x", "/rufh"]
)
async def test_no_response_names_the_software(shared_server: Server, path: str) -> None:
    answer = await send(shared_server.port, request("GET", path, {}))
    assert (answer["Server"], "python" in str(answer.headers).lower()) == (None, False)


ROUTES = [
    ("GET", "/api/v1/uploads/{}"),
    ("PATCH", "/api/v1/uploads/{}"),
    ("DELETE", "/api/v1/uploads/{}"),
    ("GET", "/api/v1/uploads/{}/slices"),
    ("POST", "/api/v1/uploads/{}/slices"),
    ("PUT", "/api/v1/uploads/{}/slices/0"),
    ("PUT", "/api/v1/uploads/{}/cover"),
    ("GET", "/api/v1/files/{}"),
    ("GET", "/api/v1/files/{}/content"),
    ("GET", "/api/v1/quarantine/{}/content"),
    ("POST", "/api/v1/quarantine/{}/recheck"),
    ("DELETE", "/api/v1/quarantine/{}"),
    ("GET", "/rufh/{}"),
    ("PATCH", "/tus/{}"),
    ("HEAD", "/tus/{}"),
]


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_malformed_ids_are_404_everywhere(shared_server: Server, bad: str) -> None:
    headers = {"Authorization": f"Bearer {shared_server.token}", "Tus-Resumable": "1.0.0"}
    for method, path in ROUTES:
        answer = await send(shared_server.port, request(method, path.format(bad), headers))
        assert answer.status == 404, (method, path, answer)
        if method != "HEAD":
            assert answer.json["code"] == ("unknown_file" if "/files/" in path else "unknown_upload")
        if path.startswith("/tus/"):
            assert answer["Tus-Resumable"] == "1.0.0"


async def test_malformed_ids_of_people_and_tokens_are_not_those_of_uploads(api: Api) -> None:
    for path, code in (("people", "unknown_person"), ("tokens", "unknown_token"), ("sessions", "unknown_token")):
        refused = await api.request("DELETE", f"/api/v1/{path}/short", headers=api.admin)
        assert (refused.status, refused.code) == (404, code)


async def test_well_formed_ids_reach_their_handler(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=10)
    assert (await api.show(upload["id"]))["id"] == upload["id"]
    answer = await send(shared_server.port, request("POST", f"/api/v1/quarantine/{ID}/recheck", {}))
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_errors_before_the_tus_handler_have_its_version(shared_server: Server) -> None:
    messages = [
        request("POST", "/tus/", {"Content-Type": "a/b" + ";" * 9}),
        request("POST", "/tus/", {"Sec-Fetch-Site": "cross-site"}),
        request("POST", "/tus/a/b", {}),
    ]
    answers = [await send(shared_server.port, message) for message in messages]
    assert [(answer.status, answer["Tus-Resumable"]) for answer in answers] == [
        (415, "1.0.0"),
        (403, "1.0.0"),
        (404, "1.0.0"),
    ]


@pytest.mark.parametrize("limit", ["1" * 5000, "0" * 5000, "0", "201", "-1", "1e2", "\N{SUPERSCRIPT TWO}", ""])
@pytest.mark.parametrize("listing", ["uploads", "files", "quarantine"])
async def test_invalid_row_limits_are_malformed(api: Api, listing: str, limit: str) -> None:
    answer = await api.get(f"/api/v1/{listing}?limit={limit}", headers=api.admin)
    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize("value", ["filename*0*=foo'%41", "filename*=undefined''%41", "filename*=utf-16''%00%d8"])
async def test_content_disposition_that_cannot_be_parsed_is_malformed(shared_server: Server, value: str) -> None:
    headers = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?1"}
    message = request("POST", "/rufh/", {**headers, "Content-Disposition": f"attachment; {value}"}, b"hello")
    answer = await send(shared_server.port, message)
    if value.startswith("filename*=utf-16"):
        # aiohttp ignores that name, as any that it cannot decode.
        assert answer.status == 422
    else:
        assert (answer.status, answer.json["code"]) == (400, "malformed")
