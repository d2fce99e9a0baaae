"""Pages, signing in, probes, and the headers around every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.core.errors import leaves
from media_service.http.problems import STATUS
from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp


@pytest.mark.parametrize("path", ["/", "/admin", "/static/style.css", "/health", "/api/v1/uploads", "/nothing"])
async def test_every_answer_carries_the_protecting_headers(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static/", "/static/js"]
)
async def test_nothing_but_assets_is_served(api: Api, path: str) -> None:
    assert (await api.get(path)).status in (403, 404)


async def test_a_token_in_the_query_signs_in_nobody(api: Api, shared_server: Server) -> None:
    answer = await api.get(f"/admin?token={shared_server.token}", allow_redirects=False)
    assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)


async def test_sign_in_takes_the_right_token(api: Api, shared_server: Server) -> None:
    wrong = await api.request("POST", "/admin/session", json={"token": "wrong"})
    assert (wrong.status, wrong.code, "Set-Cookie" in wrong.headers) == (401, "unauthorised", False)
    right = await api.request("POST", "/admin/session", json={"token": shared_server.token})
    assert right.status == 204
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert shared_server.token not in cookie
    value = cookie.partition(";")[0]
    assert (await api.get("/api/v1/files", headers={"Cookie": value})).status == 200


@pytest.mark.parametrize("error", leaves(), ids=lambda error: error.code)
async def test_every_problem_has_a_status_and_a_page(api: Api, error: type) -> None:
    answer = await api.get(f"/problems/{error.code}")  # type: ignore[attr-defined]  # every leaf has a code
    assert answer.status == 200
    assert str(STATUS[error]).encode() in answer.body


async def test_probes_tell_alive_and_ready(api: Api) -> None:
    assert (await api.get("/health")).body == b"ok"
    assert (await api.get("/ready")).status == 200


async def test_base_path_moves_everything(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, base_path="/media", disk_reserve=0) as server:
        api = Api(session, server.url, server.token)
        assert (await api.get("/")).status == 200
        assert (await api.get("/admin")).status == 200
        bare = await api.request("GET", "", allow_redirects=False)
        assert (bare.status, bare.headers["Location"]) == (308, "/media/")
        created = await api.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 5})
        assert created.headers["Location"].startswith("/media/api/v1/uploads/")
        refused = await api.request("POST", "/api/v1/uploads", json={})
        assert refused.body["type"] == "/media/problems/malformed"
        async with session.get(f"http://127.0.0.1:{server.port}/health") as outside:
            assert outside.status == 404


async def test_off_loopback_uploading_needs_the_token(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, host="0.0.0.0", disk_reserve=0) as server:
        api = Api(session, server.url, server.token)
        wish = {"filename": "a.mp3", "length": 5}
        assert (await api.request("POST", "/api/v1/uploads", json=wish)).status == 401
        assert (await api.get("/api/v1/uploads")).status == 401
        assert (await api.request("POST", "/api/v1/uploads", json=wish, headers=api.admin)).status == 201
        assert (await api.get("/")).status == 200


async def test_off_loopback_bytes_go_on_when_a_sign_in_has_ended(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, host="0.0.0.0", disk_reserve=0) as server:
        api = Api(session, server.url, server.token)
        wish = {"filename": "a.mp3", "length": 20_010}
        created = await api.request("POST", "/api/v1/uploads", json=wish, headers=api.admin)
        where = f"/api/v1/uploads/{created.body['id']}"
        assert (await api.post(created.body["id"], 0, bytes(20_000))).status == 200
        assert (await api.put(created.body["id"], 20_005, b"12345")).status == 200
        assert (await api.get(where)).body["offset"] == 20_000
        assert len((await api.get(f"{where}/slices")).body) == 2
        assert (await api.request("PATCH", where, json={"tags": {}})).status == 401
        assert (await api.request("DELETE", where)).status == 401
