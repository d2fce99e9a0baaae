"""Other origins: refused by default; allowed ones may use the upload paths only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.http.security.cors import ALLOWED_HEADERS, ALLOWED_METHODS, EXPOSED_HEADERS
from tests.support.mp3 import make_mp3
from tests.support.server import Server
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

FRIEND, STRANGER = "https://radio.example", "https://radio.example.evil.example"
SHARED = ("/tus/", "/rufh/", "/api/v1/uploads", "/upload")

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def cors_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("cors_server") / "data"
    with Server(folder, disk_reserve=0, allowed_origins=f'["{FRIEND}"]') as server:
        yield server


async def ask(server: Server, method: str, path: str, origin: str, **headers: str) -> WireResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Tus-Resumable": "1.0.0", **named}
    return await send(server.port, request(method, path, headers))


@pytest.mark.parametrize("path", [*SHARED, "/tus/nobody-has-this-one-00", "/api/v1/uploads/x/slices/0"])
async def test_preflight_of_an_allowed_origin_is_accepted(cors_server: Server, path: str) -> None:
    answer = await ask(cors_server, "OPTIONS", path, FRIEND, Access_Control_Request_Method="PATCH")
    assert answer.status == 204
    assert answer["Access-Control-Allow-Origin"] == FRIEND
    assert (answer["Access-Control-Allow-Methods"], answer["Access-Control-Allow-Headers"]) == (
        ALLOWED_METHODS,
        ALLOWED_HEADERS,
    )
    assert (answer["Vary"], answer["Access-Control-Allow-Credentials"]) == ("Origin", None)


async def test_allowed_origin_can_read_responses_and_errors(cors_server: Server) -> None:
    answers = [
        await ask(cors_server, "POST", "/tus/", FRIEND, Upload_Length="5"),
        await ask(cors_server, "POST", "/tus/", FRIEND),
        await ask(cors_server, "HEAD", "/tus/nobody-has-this-one-00", FRIEND),
        await ask(cors_server, "PUT", "/tus/", FRIEND),
        await ask(cors_server, "PUT", "/api/v1/uploads", FRIEND),
        await ask(cors_server, "PATCH", "/tus/nobody-has-this-one-00", FRIEND, Tus_Resumable="0"),
    ]
    assert [answer.status for answer in answers] == [201, 400, 404, 405, 405, 412]
    for answer in answers:
        assert (answer["Access-Control-Allow-Origin"], answer["Access-Control-Expose-Headers"]) == (
            FRIEND,
            EXPOSED_HEADERS,
        )


async def test_allowed_origin_posts_the_plain_form(cors_server: Server) -> None:
    fields = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site", "Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="mp3"; filename="theirs.mp3"\r\n\r\n'
    body = head + make_mp3(1, seed=151) + b"\r\n--b--\r\n"
    answer = await send(cors_server.port, request("POST", "/upload", fields, body))
    assert (answer.status, answer["Access-Control-Allow-Origin"]) == (201, FRIEND)
    refused = await send(cors_server.port, request("POST", "/upload", fields | {"Origin": STRANGER}, body))
    assert (refused.status, refused["Access-Control-Allow-Origin"]) == (403, None)


def test_fields_of_every_version_of_the_draft_are_allowed() -> None:
    for shared in (ALLOWED_HEADERS, EXPOSED_HEADERS):
        assert {"Upload-Complete", "Upload-Incomplete", "Upload-Offset", "Upload-Length"} <= set(shared.split(", "))


@pytest.mark.parametrize("origin", [STRANGER, "http://radio.example", "null", "https://RADIO.example"])
async def test_other_origins_are_refused_and_cannot_read(cors_server: Server, origin: str) -> None:
    preflight = await ask(cors_server, "OPTIONS", "/tus/", origin, Access_Control_Request_Method="POST")
    created = await ask(cors_server, "POST", "/tus/", origin, Upload_Length="5")
    assert (created.status, created.json["code"]) == (403, "forbidden_origin")
    assert preflight["Access-Control-Allow-Origin"] is created["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("origin", [FRIEND, STRANGER])
@pytest.mark.parametrize("path", [*SHARED, "/tus/nobody-has-this-one-00"])
async def test_responses_vary_by_origin(cors_server: Server, path: str, origin: str) -> None:
    preflight = await ask(cors_server, "OPTIONS", path, origin, Access_Control_Request_Method="POST")
    assert [answer["Vary"] for answer in (preflight, await ask(cors_server, "POST", path, origin))] == ["Origin"] * 2


async def test_responses_of_other_paths_vary_only_by_encoding(cors_server: Server) -> None:
    assert (await ask(cors_server, "GET", "/static/style.css", FRIEND))["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/uploads", "/session", "/api/v1/files", "/api/v1/uploadsx", "/tusx"])
async def test_allowed_origin_reaches_only_the_upload_paths(cors_server: Server, path: str) -> None:
    answer = await ask(cors_server, "POST", path, FRIEND)
    assert (answer.status, answer["Access-Control-Allow-Origin"]) in ((403, None), (404, None))


@pytest.mark.parametrize("path", SHARED)
async def test_no_origin_is_allowed_by_default(shared_server: Server, path: str) -> None:
    answer = await ask(shared_server, "POST", path, FRIEND, Upload_Length="5")
    assert (answer.status, answer["Access-Control-Allow-Origin"]) == (403, None)
