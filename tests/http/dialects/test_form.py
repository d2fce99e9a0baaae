"""The plain form: `curl -F`, a page without JavaScript, and cleanup after refused forms."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.conftest import missing
from tests.support.api import MIB, Api
from tests.support.mp3 import make_mp3
from tests.support.pictures import JPEG
from tests.support.raw import chunked, head, multipart, part, send
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.api import Response

HOSTILE_NAMES = {
    "../../etc/passwd": "passwd.mp3",
    "folder/inner.mp3": "inner.mp3",
    "C:\\music\\c.mp3": "c.mp3",
    "CON": "CON_.mp3",
    "...": "upload.mp3",
    "": "upload.mp3",
    ".hidden.mp3": "hidden.mp3",
    "가" * 300: None,
    "nul\0byte.mp3": "nulbyte.mp3",
    "gnp.\u202e3pm.mp3": "gnp.3pm.mp3",
    "한글 방송.mp3": "한글 방송.mp3",
    "한글.mp3": "한글.mp3",
}


HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
"""Accept of browsers that navigate."""


async def post(api: Api, data: bytes, filename: str, accept: str = "*/*", **fields: str) -> Response:
    """Post a form with the fields before the file."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("mp3", io.BytesIO(data), filename=filename, content_type="audio/mpeg")
    return await api.request("POST", "/upload", data=form, headers={"Accept": accept})


async def test_curl_gets_the_sentence_and_the_file_is_spooled(api: Api, shared_server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    source = tmp_path / "file.mp3"
    source.write_bytes(make_mp3(2, seed=31))
    command = ["curl", "-sS", "-F", "name=x", "-F", f"mp3=@{source}", f"{api.url}/upload"]
    text = await asyncio.to_thread(subprocess.check_output, command, text=True)
    assert text == f"file.mp3 sized of {source.stat().st_size} successfully stored."
    assert (shared_server.spool / "file.mp3").read_bytes().endswith(source.read_bytes())


async def test_two_files_with_the_same_name_are_both_stored(api: Api, shared_server: Server) -> None:
    first, second = make_mp3(1, seed=32), make_mp3(1, seed=33)
    for data in (first, second):
        assert (await post(api, data, "twice.mp3")).status == 201
    assert (shared_server.spool / "twice.mp3").read_bytes().endswith(first)
    assert (shared_server.spool / "twice (2).mp3").read_bytes().endswith(second)


async def test_browser_gets_a_page_and_a_script_the_upload(api: Api) -> None:
    page = await post(api, make_mp3(1, seed=34), "<b>bold</b>.mp3", HTML)
    assert (page.status, page.headers["Content-Type"]) == (201, "text/html; charset=utf-8")
    assert page.headers["Location"].startswith("/api/v1/uploads/")
    text = page.body.decode()
    assert re.search(r"“&lt;b&gt;bold&lt;/b&gt;.mp3” \(\d+\u00a0KB, 0:01\) is stored.", text)
    assert "저장되었습니다" in text
    answer = await post(api, make_mp3(1, seed=35), "script.mp3", "application/json", name="Kim", title="Night")
    assert (answer.status, answer.body["state"], answer.body["sender"]) == (201, "spooled", "Kim")
    file = (await api.get(answer.body["file"]["url"])).body
    assert (file["title"], file["sender"]) == ("Night", "Kim")


async def test_browser_gets_an_error_page_with_its_input(api: Api) -> None:
    form = aiohttp.FormData({"name": "Kim"})
    form.add_field("mp3", io.BytesIO(b"these are words\n" * 1000), filename="words.mp3")
    form.add_field("title", '<i>"Night"</i>')
    page = await api.request("POST", "/upload", data=form, headers={"Accept": HTML, "Accept-Language": "ko"})
    assert (page.status, page.headers["Content-Type"]) == (422, "text/html; charset=utf-8")
    text = page.body.decode()
    assert '<html lang="ko">' in text
    assert "MP3 파일이 아닙니다" in text
    assert '<span lang="en">This is not an MP3 file.' in text
    assert re.search(r'name="name"[^>]* value="Kim"', text)
    assert re.search(r'name="title"[^>]* value="&lt;i&gt;&quot;Night&quot;&lt;/i&gt;"', text)
    assert "<details open>" in text


@pytest.mark.parametrize("name", ["a.mp3", ""])
async def test_browser_gets_the_reason_for_an_unusable_form(api: Api, name: str) -> None:
    page = await post(api, b"", name, HTML, date="2026-11-23")
    assert page.status == 400
    assert b"No file was chosen, or it is empty." in page.body
    page = await post(api, b"x", "a.mp3", HTML, date="soon")
    assert page.status == 400
    assert b"The date cannot be used." in page.body


async def test_browser_from_another_origin_gets_a_page(api: Api) -> None:
    headers = {"Accept": HTML, "Origin": "https://other.example"}
    page = await api.request("POST", "/upload", data=b"", headers=headers)
    assert (page.status, page.headers["Content-Type"]) == (403, "text/html; charset=utf-8")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_hostile_name_is_stored_as_text_and_never_a_path(api: Api, shared_server: Server, name: str) -> None:
    before = set(shared_server.data.rglob("*"))
    answer = await _create_and_send(api, name)
    file = (await api.get(answer["file"]["url"])).body
    stored = file["stored_name"]
    assert (shared_server.spool / stored).is_file()
    assert len(stored.encode()) <= 255
    assert "\0" not in file["filename"]
    assert "\u202e" not in file["filename"]
    if expected := HOSTILE_NAMES[name]:
        # Files of other tests may have the same name.
        assert re.sub(r" \(\d+\)(?=\.mp3$)", "", stored) == expected
    new = {path for path in set(shared_server.data.rglob("*")) - before if path.is_file()}
    assert {path.parent for path in new} <= {shared_server.spool, shared_server.data}


async def _create_and_send(api: Api, name: str) -> dict[str, dict[str, str]]:
    data = make_mp3(1, seed=len(name))
    upload = await api.create(name, len(data))
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "spooled"
    return ended


async def test_text_named_mp3_is_rejected_kept_and_listed(api: Api, shared_server: Server) -> None:
    answer = await post(api, b"these are words\n" * 1000, "prose.mp3")
    assert (answer.status, answer.code) == (422, "not_mp3")
    assert "reason" in answer.body
    rejected = (await api.listed("state=rejected"))[0]
    assert (rejected["filename"], rejected["problem"]["code"]) == ("prose.mp3", "not_mp3")
    assert rejected["problem"] == answer.body
    kept = shared_server.quarantine / f"{rejected['id']}.rejected"
    assert kept.read_bytes().startswith(b"these are words")
    assert kept.with_suffix(".json").exists()
    assert not list(shared_server.spool.glob("prose*"))
    assert not (shared_server.partials / f"{rejected['id']}.partial").exists()


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
    before = set(shared_server.partials.iterdir())
    assert (await post(api, b"", "")).status == 400
    assert set(shared_server.partials.iterdir()) == before


async def test_fields_and_a_cover_after_the_file_are_accepted(api: Api, shared_server: Server) -> None:
    data = make_mp3(1, seed=36)
    late = [part("name", "Kim"), part("title", "Night"), part("cover", JPEG, "a.jpg"), part("album", " ")]
    upload = await _sent(shared_server, part("genre", "Jazz"), part("mp3", data, "trailing-fields.mp3"), *late)
    assert (upload["sender"], upload["cover"]["size"]) == ("Kim", len(JPEG))
    file = (await api.get(upload["file"]["url"])).body
    assert (file["title"], file["genre"], file["album"], file["sender"]) == ("Night", "Jazz", None, "Kim")
    assert (await api.get(f"{upload['file']['url']}/cover")).body == JPEG
    assert (shared_server.spool / "trailing-fields.mp3").read_bytes().endswith(data)


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
    before = set(shared_server.partials.iterdir())
    body = multipart(FILE, *parts)
    answer = await send(shared_server.port, [head("POST", "/upload", length=len(body)), body])
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert set(shared_server.partials.iterdir()) == before
    assert not list(shared_server.spool.glob("gone*"))
    newest = (await api.listed("limit=1"))[0]
    assert (newest["filename"], newest["state"]) == ("gone.mp3", "cancelled")


async def test_kill_between_the_file_and_its_fields_stores_nothing(tmp_path: Path) -> None:
    with Server(tmp_path / "data", disk_reserve=0) as server:
        data = make_mp3(4, seed=138)
        body = multipart(part("mp3", data, "killed.mp3"), part("title", "Night"), part("name", "Kim"))
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head("POST", "/upload", length=len(body) + 10_000) + body[: body.index(b"Kim")])
        async with asyncio.timeout(10):
            while [path.stat().st_size for path in server.partials.iterdir()] != [len(data)]:
                # aiohttp returns the end of a part only after more of the body was received.
                writer.write(b"K")
                await asyncio.sleep(0.02)
        server.restart()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert not list(server.partials.iterdir())
        assert not list(server.spool.iterdir())
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
    assert (shared_server.spool / "streamed.mp3").read_bytes().endswith(data)


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
    before = set(small_server.partials.iterdir())
    body = multipart(part("mp3", bytes(21 * MIB), "endless.mp3"))
    request = head("POST", "/upload", "Transfer-Encoding: chunked")
    answer = await send(small_server.port, [request, *chunked(body, MIB)])
    assert (answer.status, answer.problem["code"]) == (413, "file_too_large")
    assert set(small_server.partials.iterdir()) == before


async def test_form_over_the_limit_is_refused_before_its_bytes(small: Api, small_server: Server) -> None:
    answer = await send(small_server.port, [head("POST", "/upload", length=30 * 1024 * 1024)])
    assert (answer.status, answer.problem["code"]) == (413, "file_too_large")


async def test_truncated_form_stores_nothing(api: Api, shared_server: Server) -> None:
    before = set(shared_server.partials.iterdir())
    body = multipart(part("mp3", make_mp3(20, seed=37), "cut-form.mp3"))
    request = head("POST", "/upload", length=len(body)) + body
    await send(shared_server.port, [request[: len(request) // 2]], hang_up=True, pause=0.1)
    async with asyncio.timeout(5):
        while set(shared_server.partials.iterdir()) != before:
            await asyncio.sleep(0.02)
    newest = (await api.listed("limit=1"))[0]
    assert (newest["filename"], newest["state"]) == ("cut-form.mp3", "cancelled")
    assert not list(shared_server.spool.glob("cut-form*"))


async def test_upload_of_a_running_form_refuses_slices(api: Api, shared_server: Server) -> None:
    body = multipart(part("mp3", make_mp3(20, seed=38), "mine.mp3"))
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_server.port)
    writer.write(head("POST", "/upload", length=len(body)) + body[:100_000])
    async with asyncio.timeout(5):
        while (newest := (await api.listed("limit=1"))[0])["filename"] != "mine.mp3":
            await asyncio.sleep(0.02)
    answer = await api.put(newest["id"], 0, b"x")
    assert (answer.status, answer.code) == (409, "wrong_state")
    writer.write(body[100_000:])
    assert b" 201 " in await reader.readline()
    writer.close()
