"""Text that PostgreSQL cannot store: NUL characters and lone surrogates. Every way in refuses or removes them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.http.api.test_people import PASSWORD, add, signed_in
from tests.support.wire import request, send

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server

NUL = "Kim\0"
NOT_UTF8 = b"Kim\xff\xed\xa0\x80"

PATHS = [
    "/api/v1/files?q={}",
    "/api/v1/files?sort={}",
    "/api/v1/uploads?scope=all&state={}",
    "/api/v1/uploads?collection={}",
    "/api/v1/audit?q={}",
    "/api/v1/audit?actor={}",
    "/api/v1/audit?subject={}",
    "/api/v1/tokens?owner={}",
    "/api/v1/collections/{}",
    "/api/v1/links/{}",
    "/api/v1/people/{}",
    "/api/v1/files/{}",
    "/api/v1/people/aaaaaaaaaaaaaaaaaaaaaa/sessions/{}",
    "/u/{}",
    "/{}",
]

LISTINGS = ["files?sort=title", "files?sort=size", "uploads?scope=all", "audit?q=", "people?", "collections?", "links?"]

BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "a person who signs in": ("/session", {"name": NUL, "password": PASSWORD}),
    "a password": ("/session", {"name": "Kim", "password": NUL}),
    "the admin token": ("/session", {"token": NUL}),
    "an invitation": ("/session", {"invitation": NUL}),
    "a file's name": ("/api/v1/uploads", {"filename": NUL}),
    "a file without a name": ("/api/v1/uploads", {"filename": "\0"}),
    "a sender": ("/api/v1/uploads", {"filename": "a.mp3", "sender": NUL}),
    "an address": ("/api/v1/uploads", {"filename": "a.mp3", "email": "kim\0@radio.example"}),
    "tags": ("/api/v1/uploads", {"filename": "a.mp3", "tags": {"title": NUL, "comment": f"{NUL}\n{NUL}"}}),
    "a tag's name": ("/api/v1/uploads", {"filename": "a.mp3", "tags": {NUL: "Kim"}}),
    "a collection": ("/api/v1/uploads", {"filename": "a.mp3", "collection": NUL}),
    "chapters": ("/api/v1/uploads", {"filename": "a.mp3", "chapters": [{"start": 0, "title": NUL, "url": NUL}]}),
    "a digest": ("/api/v1/uploads", {"filename": "a.mp3", "digest": NUL, "content_hash": NUL}),
    "a new person": ("/api/v1/people", {"name": f"Lee{NUL}", "role": "sender"}),
    "a person without a name": ("/api/v1/people", {"name": "\0", "role": "sender"}),
    "a person's collection": ("/api/v1/people", {"name": "Park", "role": "sender", "collections": [NUL]}),
    "a slug": ("/api/v1/collections", {"slug": "a\0", "title": "A"}),
    "a title": ("/api/v1/collections", {"slug": "nul-in-title", "title": NUL, "default_tags": {"artist": NUL}}),
    "a link": ("/api/v1/links", {"title": NUL, "note": NUL, "reference": NUL, "passphrase": NUL}),
    "a link's collection": ("/api/v1/links", {"title": "a", "collection": NUL}),
    "a link's origin": ("/api/v1/links", {"title": "a", "allowed_origins": ["https://a.example\0"]}),
    "a token's name": ("/api/v1/tokens", {"name": NUL, "scopes": ["read"], "owner": "a" * 22}),
    "a token's owner": ("/api/v1/tokens", {"name": "a", "scopes": ["read"], "owner": NUL}),
}


@pytest.mark.parametrize("path", PATHS)
async def test_a_url_with_a_nul_character_is_refused(api: Api, path: str) -> None:
    method = "DELETE" if "/sessions/" in path else "GET"
    refused = await api.request(method, path.format("a%00b"), headers=api.admin)
    assert 400 <= refused.status < 500, refused


@pytest.mark.parametrize("listing", LISTINGS)
async def test_a_cursor_with_a_nul_character_is_refused(api: Api, listing: str) -> None:
    for key in (["a\0", 1], [1, "a\0"], ["a\0", "a\0"]):
        cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
        refused = await api.get(f"/api/v1/{listing}&cursor={cursor}", headers=api.admin)
        assert (refused.status, refused.code) == (400, "malformed"), refused


@pytest.mark.parametrize("case", BODIES)
async def test_text_of_a_json_body_is_refused_or_cleaned(api: Api, case: str) -> None:
    path, body = BODIES[case]
    response = await api.request("POST", path, json=body, headers=api.admin)
    assert response.status < 500, response
    assert response.status >= 400 or "\0" not in repr(response.body)
    escaped = json.dumps(body).replace("\\u0000", "\\ud800")
    headers = api.admin | {"Content-Type": "application/json"}
    assert (await api.request("POST", path, data=escaped, headers=headers)).status < 500


async def test_a_name_is_the_same_without_its_control_characters(api: Api) -> None:
    person = await add(api, password=PASSWORD)
    await signed_in(api, person | {"name": f"\0{person['name']}\x1b"})


async def test_edits_are_refused_or_cleaned(api: Api) -> None:
    upload = await api.create("a.mp3", 100)
    for changes in ({"sender": NUL}, {"tags": {"title": NUL}}, {"email": NUL}, {"filename": NUL}):
        changed = await api.request("PATCH", f"/api/v1/uploads/{upload['id']}", json=changes)
        assert changed.status in (200, 400), changed
    assert "\0" not in repr(await api.show(upload["id"]))


@pytest.mark.parametrize("text", [NUL.encode(), NOT_UTF8])
async def test_upload_metadata_of_tus_is_refused_or_cleaned(api: Api, text: bytes) -> None:
    encoded = base64.b64encode(text).decode()
    for key in ("filename", "sender", "email", "title", "collection", "other"):
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": f"{key} {encoded}"}
        assert (await api.request("POST", "/tus/", headers=headers)).status < 500


@pytest.mark.parametrize("text", [NUL.encode(), NOT_UTF8])
async def test_fields_of_a_form_are_refused_or_cleaned(shared_server: Server, text: bytes) -> None:
    for field in (b"sender", b"title", b"email", b"collection"):
        parts = [b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (field, text)]
        parts.append(
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="%b.mp3"\r\n\r\nno audio\r\n--x--\r\n' % text
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        response = await send(shared_server.port, request("POST", "/upload", headers, b"".join(parts)))
        assert 0 < response.status < 500, response


@pytest.mark.parametrize(
    "name", [b"User-Agent", b"Cookie", b"Upload-Metadata", b"Content-Disposition", b"Upload-Concat"]
)
async def test_headers_that_are_not_utf8_are_no_error_of_the_service(shared_server: Server, name: bytes) -> None:
    signing_in = json.dumps({"token": shared_server.token}).encode()
    given = {"Content-Type": "application/json", "X-Hostile": "here", "Tus-Resumable": "1.0.0", "Upload-Length": "5"}
    for path, body in (("/session", signing_in), ("/tus/", b""), ("/rufh", b"hello"), ("/upload", b"hello")):
        message = request("POST", path, given, body).replace(b"X-Hostile: here", name + b": " + NOT_UTF8)
        response = await send(shared_server.port, message)
        assert 0 < response.status < 500, (path, response)
