"""Finished files: the admin's listing, one file, and its bytes."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing
from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

FILES = "/api/v1/files"


@pytest.fixture
async def library(small: Api) -> list[str]:
    """Return three finished files by title."""
    titles = {"Alpha": "Zoë", "beta": "김민수", "Gamma": "Zoë"}
    listed = (await small.get(f"{FILES}?q=library", headers=small.admin)).body["files"]
    if len(listed) < len(titles):
        for seconds, (title, artist) in enumerate(titles.items(), start=1):
            data = make_mp3(seconds, seed=40 + seconds)
            tags = {"title": title, "artist": artist, "album": "library"}
            upload = await small.create(f"{title}.mp3", len(data), tags=tags)
            assert (await small.send_all(upload["id"], data))["state"] == "spooled"
    return list(titles)


async def _titles(api: Api, query: str) -> list[str]:
    answer = await api.get(f"{FILES}?{query}", headers=api.admin)
    assert answer.status == 200, answer
    return [file["title"] for file in answer.body["files"] if file["album"] == "library"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("q=library", ["Gamma", "beta", "Alpha"]),
        ("q=library&sort=uploaded_at", ["Alpha", "beta", "Gamma"]),
        ("q=library&sort=duration", ["Alpha", "beta", "Gamma"]),
        ("q=library&sort=-size", ["Gamma", "beta", "Alpha"]),
        ("q=library&sort=title", ["Alpha", "beta", "Gamma"]),
        ("q=ZOE%CC%88", ["Gamma", "Alpha"]),
        ("q=zo%C3%AB+gam", ["Gamma"]),
        ("q=%EA%B9%80%EB%AF%BC", ["beta"]),
        ("q=100%25_", []),
        ("q=nothing+like+it", []),
    ],
)
async def test_listing_searches_and_sorts(small: Api, library: list[str], query: str, titles: list[str]) -> None:
    assert await _titles(small, query) == titles


@pytest.mark.parametrize("sort", ["title", "-duration", "artist", "-uploaded_at", "filename"])
async def test_pages_list_every_file_once(small: Api, library: list[str], sort: str) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        answer = await small.get(f"{FILES}?q=library&limit=1&sort={sort}{cursor}", headers=small.admin)
        seen += [file["title"] for file in answer.body["files"]]
        if answer.body["next"] is None:
            break
        cursor = f"&cursor={answer.body['next']}"
    assert sorted(seen) == sorted(library)


@pytest.mark.parametrize("query", ["sort=mood", "limit=none", "cursor=AAAA", "sort=title&cursor=WzEsIjIiXQ"])
async def test_malformed_query_is_refused_or_harmless(small: Api, query: str) -> None:
    assert (await small.get(f"{FILES}?{query}", headers=small.admin)).status in (200, 400)


async def test_only_the_admin_lists_files(small: Api) -> None:
    answer = await small.get(FILES)
    assert (answer.status, answer.code) == (401, "unauthorized")
    wrong = await small.get(FILES, headers={"Authorization": "Bearer wrong"})
    assert wrong.status == 401


async def test_file_has_tags_and_audio_properties(small: Api) -> None:
    data = make_mp3(3, {"title": "From the file", "artist": "Kept"}, seed=45)
    upload = await small.create("facts.mp3", len(data), tags={"title": "From the form"}, sender="Lee")
    ended = await small.send_all(upload["id"], data)
    file = (await small.get(ended["file"]["url"])).body
    assert file["title"] == "From the form"
    assert file["artist"] == "Kept"
    assert (file["bitrate"], file["sample_rate"], file["channels"], file["sender"]) == (128_000, 44_100, 2, "Lee")
    assert file["duration"] == pytest.approx(3, abs=0.1)
    assert file["received_size"] == len(data)
    assert file["sha256"] == ended["digest"]


async def test_content_is_served_whole_or_by_range_as_an_attachment(small: Api) -> None:
    data = make_mp3(2, seed=46)
    upload = await small.create("한글 파일.mp3", len(data))
    ended = await small.send_all(upload["id"], data)
    url = ended["file"]["url"] + "/content"
    whole = await small.get(url)
    assert whole.body.startswith(b"ID3")
    assert whole.body.endswith(data)
    assert whole.headers["Content-Type"] == "audio/mpeg"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%ED%95%9C")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    part = await small.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status, part.body) == (206, whole.body[100:200])
    assert (await small.get(url, headers={"Range": "bytes=99999999-"})).status == 416
    assert (await small.request("HEAD", url)).status == 200


async def test_unknown_file_is_404(small: Api) -> None:
    for url in (f"{FILES}/{'x' * 22}", f"{FILES}/{'x' * 22}/content"):
        answer = await small.get(url)
        assert (answer.status, answer.code) == (404, "unknown_file")


async def test_loudness_is_shown_with_the_file(data: Path, session: aiohttp.ClientSession) -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    with Server(data, disk_reserve=0, measure_loudness=True) as server:
        api = Api(session, server.url, server.token)
        content = make_mp3(3, seed=70)
        upload = await api.create("heard.mp3", len(content))
        ended = await api.send_all(upload["id"], content)
        async with asyncio.timeout(60):
            while (heard := (await api.get(ended["file"]["url"])).body["loudness"]) is None:
                await asyncio.sleep(0.1)
        assert heard["leading_silence"] > 2.9
        assert (heard["integrated"], set(heard["peaks"])) == (None, {0})
