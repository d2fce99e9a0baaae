"""Access without the token, on loopback and on other addresses, as docs/operator.md says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

MP3 = make_mp3(2, seed=12_301)
OPEN, ELSEWHERE = "127.0.0.1", "0.0.0.0"


@pytest.fixture(scope="module", params=[OPEN, ELSEWHERE])
def exposed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Server]]:
    folder = tmp_path_factory.mktemp("exposed") / "data"
    with Server(folder, host=request.param, disk_reserve=0, verdict_wait_slice=5) as server:
        yield request.param, server


@pytest.fixture
def stranger(exposed: tuple[str, Server], session: aiohttp.ClientSession) -> Api:
    return Api(session, exposed[1].url, exposed[1].token)


@pytest.fixture
def is_open(exposed: tuple[str, Server]) -> bool:
    return exposed[0] == OPEN


async def created(api: Api) -> str:
    """Return the id of an upload of another client that has the token."""
    body = {"filename": "theirs.mp3", "length": len(MP3)}
    answer = await api.request("POST", "/api/v1/uploads", json=body, headers=api.admin)
    assert answer.status == 201
    return str(answer.body["id"])


@pytest.mark.parametrize("path", ["/", "/admin", "/static/style.css", "/problems/malformed", "/health", "/ready"])
async def test_pages_are_for_everyone(stranger: Api, path: str) -> None:
    assert (await stranger.get(path)).status == 200


@pytest.mark.parametrize("path", ["/api/v1/uploads", "/upload", "/tus/", "/rufh/"])
async def test_uploading_without_a_token_only_on_loopback(stranger: Api, is_open: bool, path: str) -> None:
    status = (await stranger.request("POST", path, headers={"Tus-Resumable": "1.0.0", "Upload-Length": "x"})).status
    assert status == 401 if not is_open else status in (400, 411, 415)


async def test_free_disk_space_is_shown_to_those_who_may_upload(stranger: Api, is_open: bool) -> None:
    assert (await stranger.get("/api/v1/limits")).status == (200 if is_open else 401)


async def test_id_is_enough_to_send_bytes_and_to_see_progress(stranger: Api) -> None:
    upload_id = await created(stranger)
    assert (await stranger.put(upload_id, 0, MP3[:16384])).status == 200
    assert (await stranger.show(upload_id))["received"] == [[0, 16384]]


async def test_id_is_enough_for_other_actions_only_on_loopback(stranger: Api, is_open: bool) -> None:
    upload_id, file_id = await created(stranger), await created(stranger)
    amended = await stranger.request("PATCH", f"/api/v1/uploads/{upload_id}", json={"tags": {"title": "x"}})
    cancelled = await stranger.request("DELETE", f"/api/v1/uploads/{upload_id}")
    await stranger.put(file_id, 0, MP3)
    file = (await stranger.ended(file_id))["file"]
    content = await stranger.get(f"{file['url']}/content")
    assert [amended.status, cancelled.status, content.status] == ([200, 204, 200] if is_open else [401, 401, 401])


@pytest.mark.parametrize("path", ["/api/v1/files", "/api/v1/quarantine", "/api/v1/uploads?scope=all"])
async def test_everything_is_listed_only_with_the_token(stranger: Api, path: str) -> None:
    assert (await stranger.get(path)).status == 401
    assert (await stranger.get(path, headers=stranger.admin)).status == 200
