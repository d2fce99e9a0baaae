"""The plain form: `curl -F`, a page without JavaScript, and what a form must not leave behind."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.conftest import missing
from tests.support.mp3 import make_mp3
from tests.support.raw import head, multipart, part, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Answer, Api
    from tests.support.server import Server

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


async def post(api: Api, data: bytes, filename: str, accept: str = "*/*", **fields: str) -> Answer:
    """A form post with the fields before the file."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("mp3", io.BytesIO(data), filename=filename, content_type="audio/mpeg")
    return await api.request("POST", "/upload", data=form, headers={"Accept": accept})


async def test_curl_gets_the_sentence_and_the_spool_the_file(api: Api, shared_server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    source = tmp_path / "file.mp3"
    source.write_bytes(make_mp3(2, seed=31))
    command = ["curl", "-sS", "-F", "name=x", "-F", f"mp3=@{source}", f"{api.url}/upload"]
    said = await asyncio.to_thread(subprocess.check_output, command, text=True)
    assert said == f"file.mp3 sized of {source.stat().st_size} successfully stored."
    assert (shared_server.spool / "file.mp3").read_bytes().endswith(source.read_bytes())


async def test_two_files_of_one_name_both_arrive(api: Api, shared_server: Server) -> None:
    first, second = make_mp3(1, seed=32), make_mp3(1, seed=33)
    for data in (first, second):
        assert (await post(api, data, "twice.mp3")).status == 201
    assert (shared_server.spool / "twice.mp3").read_bytes().endswith(first)
    assert (shared_server.spool / "twice (2).mp3").read_bytes().endswith(second)


async def test_browser_gets_a_page_and_a_script_the_upload(api: Api) -> None:
    page = await post(api, make_mp3(1, seed=34), "<b>bold</b>.mp3", "text/html,application/xhtml+xml")
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"&lt;b&gt;bold&lt;/b&gt;.mp3 sized of" in page.body
    answer = await post(api, make_mp3(1, seed=35), "script.mp3", "application/json", name="Kim", title="Night")
    assert (answer.status, answer.body["state"], answer.body["sender"]) == (201, "spooled", "Kim")
    file = (await api.get(answer.body["file"]["url"])).body
    assert (file["title"], file["sender"]) == ("Night", "Kim")


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
        # Other tests' files may have taken the name.
        assert re.sub(r" \(\d+\)(?=\.mp3$)", "", stored) == expected
    new = {path for path in set(shared_server.data.rglob("*")) - before if path.is_file()}
    assert {path.parent for path in new} <= {shared_server.spool, shared_server.data}


async def _create_and_send(api: Api, name: str) -> dict[str, dict[str, str]]:
    data = make_mp3(1, seed=len(name))
    upload = await api.create(name, len(data))
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "spooled"
    return ended


async def test_text_named_mp3_is_refused_kept_and_listed(api: Api, shared_server: Server) -> None:
    answer = await post(api, b"these are words\n" * 1000, "words.mp3")
    assert (answer.status, answer.code) == (422, "not_mp3")
    assert "reason" in answer.body
    rejected = (await api.listed("state=rejected"))[0]
    assert (rejected["filename"], rejected["problem"]["code"]) == ("words.mp3", "not_mp3")
    assert rejected["problem"] == answer.body
    kept = shared_server.quarantine / f"{rejected['id']}.rejected"
    assert kept.read_bytes().startswith(b"these are words")
    assert kept.with_suffix(".json").exists()
    assert not list(shared_server.spool.glob("words*"))
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


async def test_form_without_a_chosen_file_is_refused_and_leaves_nothing(api: Api, shared_server: Server) -> None:
    before = set(shared_server.partials.iterdir())
    assert (await post(api, b"", "")).status == 400
    assert set(shared_server.partials.iterdir()) == before


async def test_field_behind_the_file_is_refused_and_leaves_nothing(api: Api, shared_server: Server) -> None:
    before = set(shared_server.partials.iterdir())
    body = multipart(part("mp3", make_mp3(1, seed=36), "late.mp3"), part("name", "x"))
    answer = await send(shared_server.port, [head("POST", "/upload", length=len(body)), body])
    assert (answer.status, answer.problem["code"]) == (400, "malformed")
    assert set(shared_server.partials.iterdir()) == before
    assert not list(shared_server.spool.glob("late*"))


async def test_form_over_the_limit_is_refused_before_its_bytes(small: Api, small_server: Server) -> None:
    answer = await send(small_server.port, [head("POST", "/upload", length=30 * 1024 * 1024)])
    assert (answer.status, answer.problem["code"]) == (413, "file_too_large")


async def test_cut_form_leaves_no_half_file(api: Api, shared_server: Server) -> None:
    before = set(shared_server.partials.iterdir())
    body = multipart(part("mp3", make_mp3(20, seed=37), "cut.mp3"))
    request = head("POST", "/upload", length=len(body)) + body
    await send(shared_server.port, [request[: len(request) // 2]], hang_up=True, pause=0.1)
    async with asyncio.timeout(5):
        while set(shared_server.partials.iterdir()) != before:
            await asyncio.sleep(0.02)
    newest = (await api.listed("limit=1"))[0]
    assert (newest["filename"], newest["state"]) == ("cut.mp3", "cancelled")
    assert not list(shared_server.spool.glob("cut*"))


async def test_form_on_its_way_takes_no_slices(api: Api, shared_server: Server) -> None:
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
