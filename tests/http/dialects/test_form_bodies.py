"""Bodies of the form: parts in any order, refused, without a length, too long, truncated."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.conftest import missing
from tests.http.dialects.forms import post
from tests.support.api import MIB, Api
from tests.support.mp3 import make_mp3
from tests.support.pictures import JPEG
from tests.support.raw import chunked, head, multipart, part, send
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("fields", "file", "code"),
    [
        ({"weather": "blue"}, "mp3", "malformed"),
        ({"date": "soon"}, "mp3", "malformed"),
        ({"title": "x" * 10_000}, "mp3", "malformed"),
        ({}, "wav", "malformed"),
    ],
)
async def test_malformed_form_is_refused(api: Api, fields: dict[str, str], file: str, code: str) -> None:
    form = aiohttp.FormData(fields)
    form.add_field(file, io.BytesIO(b"x" * 100), filename="a.mp3")
    answer = await api.request("POST", "/upload", data=form)
    assert (answer.status, answer.code) == (400, code)


async def test_form_without_a_chosen_file_is_refused_and_stores_nothing(api: Api, shared_server: Server) -> None:
    before = {*shared_server.store.unfinished()}
    assert (await post(api, b"", "")).status == 400
    assert {*shared_server.store.unfinished()} <= before


async def test_fields_and_a_cover_after_the_file_are_accepted(api: Api, shared_server: Server) -> None:
    data = make_mp3(1, seed=36)
    late = [part("name", "Kim"), part("title", "Night"), part("cover", JPEG, "a.jpg"), part("album", " ")]
    upload = await _sent(shared_server, part("genre", "Jazz"), part("mp3", data, "trailing-fields.mp3"), *late)
    assert (upload["sender"], upload["cover"]["size"]) == ("Kim", len(JPEG))
    file = (await api.get(upload["file"]["url"])).body
    assert (file["title"], file["genre"], file["album"], file["sender"]) == ("Night", "Jazz", None, "Kim")
    assert (await api.get(f"{upload['file']['url']}/cover")).body == JPEG
    assert shared_server.store.read("trailing-fields.mp3").endswith(data)


async def test_a_slow_cover_after_the_file_may_take_longer_than_the_idle_timeout(small_server: Server) -> None:
    body = multipart(part("mp3", make_mp3(1, seed=136), "slow.mp3"), part("cover", JPEG, "a.jpg"))
    start = body.index(JPEG[:20])
    pieces = [body[at : at + len(JPEG) // 8] for at in range(start, len(body), len(JPEG) // 8)]
    answer = await send(
        small_server.port, [head("POST", "/upload", length=len(body)) + body[:start], *pieces], pause=0.3
    )
    assert answer.status == 201, answer


FILE = part("mp3", make_mp3(1, seed=137), "gone.mp3")
REFUSED_AFTER_THE_FILE = {
    "an unknown field": ([part("weather", "blue")], 400, "malformed"),
    "a second file": ([FILE], 400, "malformed"),
    "a field twice": ([part("title", "a"), part("title", "b")], 400, "malformed"),
    "a tag that is none": ([part("date", "soon")], 400, "malformed"),
    "a field that is too long": ([part("title", "x" * 10_000)], 400, "malformed"),
    "a cover that is none": ([part("cover", b"words", "a.jpg")], 415, "cover_not_image"),
    "a part without a name": ([b"--fence\r\n\r\nx\r\n"], 400, "malformed"),
}


@pytest.mark.parametrize("case", REFUSED_AFTER_THE_FILE)
async def test_disallowed_part_after_the_file_is_refused_and_stores_nothing(
    api: Api, shared_server: Server, case: str
) -> None:
    parts, status, code = REFUSED_AFTER_THE_FILE[case]
    before = {*shared_server.store.unfinished()}
    body = multipart(FILE, *parts)
    answer = await send(shared_server.port, [head("POST", "/upload", length=len(body)), body])
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert {*shared_server.store.unfinished()} <= before
    assert not [name for name in shared_server.store.names() if name.startswith("gone")]
    newest = (await api.listed("limit=1"))[0]
    assert (newest["filename"], newest["state"]) == ("gone.mp3", "cancelled")


@pytest.mark.once
async def test_kill_between_the_file_and_its_fields_stores_nothing(tmp_path: Path) -> None:
    with Server(tmp_path / "data", disk_reserve=0) as server:
        data = make_mp3(4, seed=138)
        body = multipart(part("mp3", data, "killed.mp3"), part("title", "Night"), part("name", "Kim"))
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head("POST", "/upload", length=len(body) + 10_000) + body[: body.index(b"Kim")])
        async with asyncio.timeout(30):
            while [path.stat().st_size for path in server.partials.iterdir()] != [len(data)]:
                # aiohttp returns the end of a part only after more of the body was received.
                writer.write(b"K")
                await asyncio.sleep(0.02)
        server.restart()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert not server.store.unfinished()
        assert not server.store.names()
        async with aiohttp.ClientSession() as session:
            newest = (await Api(session, server.url, server.token).listed("limit=1"))[0]
        assert (newest["filename"], newest["state"]) == ("killed.mp3", "cancelled")


async def _sent(server: Server, *parts: bytes) -> dict[str, Any]:
    """Return the upload of a form."""
    body = multipart(*parts)
    request = head("POST", "/upload", "Accept: application/json", length=len(body))
    answer = await send(server.port, [request, body])
    assert answer.status == 201, answer
    return answer.problem


async def test_form_without_a_length_is_accepted(api: Api, shared_server: Server) -> None:
    data = make_mp3(3, seed=139)

    async def blocks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 10_000):
            yield data[at : at + 10_000]

    form = aiohttp.FormData()
    form.add_field("mp3", blocks(), filename="streamed.mp3", content_type="audio/mpeg")
    form.add_field("title", "Streamed")
    answer = await api.request("POST", "/upload", data=form, headers={"Accept": "application/json"})
    assert (answer.status, answer.body["length"], answer.body["tags"]["title"]) == (201, len(data), "Streamed")
    assert shared_server.store.read("streamed.mp3").endswith(data)


@pytest.mark.parametrize("options", [["-H", "Transfer-Encoding: chunked"], []], ids=["chunked", "plain"])
async def test_curl_may_send_the_title_after_the_file(
    api: Api, shared_server: Server, tmp_path: Path, options: list[str]
) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    source = tmp_path / f"curl{len(options)}.mp3"
    source.write_bytes(make_mp3(2, seed=140 + len(options)))
    command = ["curl", "-sS", *options, "-F", f"mp3=@{source}", "-F", "title=Said later", f"{api.url}/upload"]
    text = await asyncio.to_thread(subprocess.check_output, command, text=True)
    assert text == f"{source.name} sized of {source.stat().st_size} successfully stored."
    newest = (await api.get("/api/v1/files?limit=1", headers=api.admin)).body["files"][0]
    assert (newest["filename"], newest["title"]) == (source.name, "Said later")


async def test_form_without_a_length_is_limited(small_server: Server) -> None:
    before = {*small_server.store.unfinished()}
    body = multipart(part("mp3", bytes(21 * MIB), "endless.mp3"))
    request = head("POST", "/upload", "Transfer-Encoding: chunked")
    answer = await send(small_server.port, [request, *chunked(body, MIB)])
    assert (answer.status, answer.problem["code"]) == (413, "file_too_large")
    assert {*small_server.store.unfinished()} <= before


async def test_form_over_the_limit_is_refused_before_its_bytes(small: Api, small_server: Server) -> None:
    answer = await send(small_server.port, [head("POST", "/upload", length=30 * 1024 * 1024)])
    assert (answer.status, answer.problem["code"]) == (413, "file_too_large")


async def test_truncated_form_stores_nothing(api: Api, shared_server: Server) -> None:
    name, before = "cut-form.mp3", {*shared_server.store.unfinished()}
    body = multipart(part("mp3", make_mp3(20, seed=37), name))
    request = head("POST", "/upload", length=len(body)) + body
    await send(shared_server.port, [request[: len(request) // 2]], hang_up=True, pause=0.1)
    async with asyncio.timeout(30):
        while [(one["filename"], one["state"]) for one in await api.listed("limit=1")] != [(name, "cancelled")]:
            await asyncio.sleep(0.02)
        while not {*shared_server.store.unfinished()} <= before:
            await asyncio.sleep(0.02)
    assert not [name for name in shared_server.store.names() if name.startswith("cut-form")]


async def test_upload_of_a_running_form_refuses_slices(api: Api, shared_server: Server) -> None:
    body = multipart(part("mp3", make_mp3(20, seed=38), "mine.mp3"))
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_server.port)
    writer.write(head("POST", "/upload", length=len(body)) + body[:100_000])
    async with asyncio.timeout(30):
        while (newest := (await api.listed("limit=1"))[0])["filename"] != "mine.mp3":
            await asyncio.sleep(0.02)
    answer = await api.put(newest["id"], 0, b"x")
    assert (answer.status, answer.code) == (409, "wrong_state")
    writer.write(body[100_000:])
    assert b" 201 " in await reader.readline()
    writer.close()
