"""The plain form: `curl -F`, a page without JavaScript, and cleanup after refused forms."""

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
from tests.http.dialects.forms import HTML, post
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api
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


async def test_curl_gets_the_sentence_and_the_file_is_spooled(api: Api, shared_server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    source = tmp_path / "file.mp3"
    source.write_bytes(make_mp3(2, seed=31))
    command = ["curl", "-sS", "-F", "name=x", "-F", f"mp3=@{source}", f"{api.url}/upload"]
    text = await asyncio.to_thread(subprocess.check_output, command, text=True)
    assert text == f"file.mp3 sized of {source.stat().st_size} successfully stored."
    assert shared_server.store.read("file.mp3").endswith(source.read_bytes())


async def test_two_files_with_the_same_name_are_both_stored(api: Api, shared_server: Server) -> None:
    first, second = make_mp3(1, seed=32), make_mp3(1, seed=33)
    for data in (first, second):
        assert (await post(api, data, "twice.mp3")).status == 201
    assert shared_server.store.read("twice.mp3").endswith(first)
    assert shared_server.store.read("twice (2).mp3").endswith(second)


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
    assert stored in shared_server.store.names()
    assert len(stored.encode()) <= 255
    assert "\0" not in file["filename"]
    assert "\u202e" not in file["filename"]
    if expected := HOSTILE_NAMES[name]:
        # Files of other tests may have the same name.
        assert re.sub(r" \(\d+\)(?=\.mp3$)", "", stored) == expected
    new = {path for path in set(shared_server.data.rglob("*")) - before if path.is_file()}
    assert {path.parent for path in new} <= {shared_server.spool, shared_server.data}
    assert [name for name in shared_server.store.names() if "/" in name] == []


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
    assert shared_server.store.read_rejected(rejected["id"]).startswith(b"these are words")
    assert shared_server.store.read_report(rejected["id"])["code"] == "not_mp3"
    assert not [name for name in shared_server.store.names() if name.startswith("prose")]
    assert rejected["id"] not in shared_server.store.unfinished()
