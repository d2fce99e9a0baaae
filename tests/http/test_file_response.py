"""Ranges (RFC 9110): single ranges of a response are served; Content-Range of a request is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.errors.service import StorageError
from media_service.http.file_response import byte_range, file_response
from tests.support.mp3 import make_mp3
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api
    from tests.support.server import Server

MP3 = make_mp3(2, seed=141)
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-9", "bytes=0-9"),
        ("BYTES=0-9", "bytes=0-9"),
        ("bytes= 5- , ", "bytes=5-"),
        ("bytes=-5", "bytes=-5"),
        ("bytes=-0", "bytes=100-"),
        ("bytes=7-7", "bytes=7-7"),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("", None),
        ("bytes=0-1,10-11", None),
        ("items=0-5", None),
        ("bytes=٣-٤", None),
        ("bytes=0x1-2", None),
        ("bytes=" + "9" * 5000 + "-", "bytes=1000000000000000000-"),
        ("bytes=0-" + "9" * 5000, "bytes=0-1000000000000000000"),
    ],
)
def test_byte_range(field: str, expected: str | None) -> None:
    assert byte_range(field, 100) == expected


@pytest.fixture
async def urls(small: Api, small_server: Server) -> list[tuple[str, bytes]]:
    """Return URL and bytes of a finished and of a rejected file."""
    upload = await small.create("ranges.mp3", len(MP3))
    ended = await small.send_all(upload["id"], MP3)
    words = b"words, no sound\n" * 100
    rejected = await small.create("words.mp3", len(words))
    await small.send_all(rejected["id"], words)
    file = (await small.get(ended["file"]["url"])).body
    whole = small_server.store.read(file["stored_name"])
    return [(file["content_url"], whole), (f"/api/v1/quarantine/{rejected['id']}/content", words)]


async def fetch(small: Api, url: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await small.get(url, headers=named | small.admin)


async def test_unsupported_range_is_ignored(small: Api, urls: list[tuple[str, bytes]]) -> None:
    for url, whole in urls:
        for field in ("items=0-5", "bytes=5-2", "bytes=0-1,10-11", "bytes=x", "5-9"):
            answer = await fetch(small, url, Range=field)
            assert (answer.status, answer.body, answer.headers.get("Content-Range")) == (200, whole, None), field


async def test_single_range_is_served_unless_it_is_after_the_end(small: Api, urls: list[tuple[str, bytes]]) -> None:
    for url, whole in urls:
        size = len(whole)
        for field, start, stop in (
            ("bytes=0-9", 0, 10),
            ("bytes=500-", 500, size),
            ("bytes=-7", size - 7, size),
            ("bytes=-99999999", 0, size),
            (f"bytes=9-{'9' * 30}", 9, size),
        ):
            answer = await fetch(small, url, Range=field)
            assert (answer.status, answer.body) == (206, whole[start:stop]), field
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        for field in (f"bytes={size}-", "bytes=-0", f"bytes={'9' * 30}-"):
            answer = await fetch(small, url, Range=field)
            assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}"), field


async def test_preconditions_are_evaluated_before_ranges(small: Api, urls: list[tuple[str, bytes]]) -> None:
    for url, whole in urls:
        first = await fetch(small, url)
        tag, date = first.headers["ETag"], first.headers["Last-Modified"]
        assert (await fetch(small, url, If_None_Match=tag, Range="bytes=0-1")).status == 304
        assert (await fetch(small, url, If_Match='"another"', Range="bytes=0-1")).status == 412
        for if_range, status in ((tag, 206), (date, 206), (f"W/{tag}", 200), ('"another"', 200), ("neither", 200)):
            answer = await fetch(small, url, If_Range=if_range, Range="bytes=0-1")
            assert (answer.status, answer.body) == (status, whole if status == 200 else whole[:2]), if_range
        head = await small.request("HEAD", url, headers=small.admin | {"Range": "bytes=0-1"})
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole)))


@pytest.mark.once
@pytest.mark.parametrize("planted", ["link", "dangling", "fifo", "folder"])
async def test_only_a_regular_file_is_served(
    small: Api, small_server: Server, urls: list[tuple[str, bytes]], planted: str
) -> None:
    for url, _ in urls:
        rejected = "quarantine" in url
        if rejected:
            path = small_server.quarantine / f"{url.split('/')[-2]}.rejected"
        else:
            path = small_server.spool / (await small.get(url.removesuffix("/content"))).body["stored_name"]
        path.unlink()
        if planted == "fifo":
            os.mkfifo(path)
        elif planted == "folder":
            path.mkdir()
        else:
            path.symlink_to("/etc/passwd" if planted == "link" else "nowhere")
        answer = await fetch(small, url)
        expected = (404, "unknown_upload") if rejected else (410, "file_taken")
        assert (answer.status, answer.code) == expected
        path.rmdir() if planted == "folder" else path.unlink()


@pytest.mark.once
async def test_file_that_cannot_be_opened_is_not_404(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        await file_response(tmp_path / ("x" * 300), {})


@pytest.mark.once
async def test_compressed_sibling_is_not_served(
    small: Api, small_server: Server, urls: list[tuple[str, bytes]]
) -> None:
    url, whole = urls[0]
    name = (await small.get(url.removesuffix("/content"))).body["stored_name"]
    (small_server.spool / f"{name}.gz").write_bytes(b"something else")
    assert (await fetch(small, url, Accept_Encoding="gzip")).body == whole


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="mp3"; filename="a.mp3"\r\n\r\n' + MP3 + b"\r\n--b--\r\n",
    {"Content-Type": "multipart/form-data; boundary=b"},
)
SLICE = (
    b'--b\r\nContent-Disposition: form-data; name="offset"\r\n\r\n0\r\n'
    b'--b\r\nContent-Disposition: form-data; name="slice"; filename="a"\r\n\r\n' + MP3 + b"\r\n--b--\r\n",
    {"Content-Type": "multipart/form-data; boundary=b"},
)
CREATIONS: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "rufh PUT": ("PUT", "/rufh/", MP3, {}),
    "rufh PUT by name": ("PUT", "/rufh/a.mp3", MP3, {}),
    "rufh POST": ("POST", "/rufh/", MP3, {"Upload-Complete": "?0"}),
    "tus": ("POST", "/tus/", b"", {**TUS, "Upload-Length": "5"}),
    "form": ("POST", "/upload", *FORM),
    "raw slice": ("PUT", "/api/v1/uploads/{id}/slices/0", MP3, {}),
    "form slice": ("POST", "/api/v1/uploads/{id}/slices", *SLICE),
}


@pytest.mark.parametrize("way", CREATIONS)
async def test_content_range_creates_no_upload(api: Api, shared_server: Server, way: str) -> None:
    method, path, body, headers = CREATIONS[way]
    upload = await api.create("ranged.mp3", len(MP3))
    path = path.format(id=upload["id"])
    newest = (await api.listed("limit=1"))[0]["id"]

    async def ask(**more: str) -> WireResponse:
        all_headers = headers | {name.replace("_", "-"): value for name, value in more.items()}
        return await send(shared_server.port, request(method, path, all_headers, body))

    refused = await ask(Content_Range=f"bytes 1000-{len(MP3) + 999}/{len(MP3) + 1000}")
    assert (refused.status, refused.json["code"], refused.json["field"]) == (400, "malformed", "Content-Range")
    assert (await api.listed("limit=1"))[0]["id"] == newest, "nothing was created"
    assert (await api.show(upload["id"]))["received"] == []
    assert (await ask()).status in (200, 201)
