"""Pages, sign-in, probes, and security headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from media_service.config.loading import load
from media_service.core.errors.registry import error_classes
from media_service.http.pages.station import Station
from media_service.http.problems import HTTP_STATUS
from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = pytest.mark.once


@pytest.mark.parametrize("path", ["/", "/admin", "/static/style.css", "/health", "/api/v1/uploads", "/nothing"])
async def test_every_response_has_the_security_headers(api: Api, path: str) -> None:
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


async def test_token_in_the_query_does_not_sign_in(api: Api, shared_server: Server) -> None:
    answer = await api.get(f"/admin?token={shared_server.token}", allow_redirects=False)
    assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)


async def test_sign_in_accepts_only_the_right_token(api: Api, shared_server: Server) -> None:
    wrong = await api.request("POST", "/session", json={"token": "wrong"})
    assert (wrong.status, wrong.code, "Set-Cookie" in wrong.headers) == (401, "unauthorized", False)
    right = await api.request("POST", "/session", json={"token": shared_server.token})
    assert right.status == 204
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert shared_server.token not in cookie
    value = cookie.partition(";")[0]
    assert (await api.get("/api/v1/files", headers={"Cookie": value})).status == 200


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.code)
async def test_every_problem_has_a_status_and_a_page(api: Api, error: type) -> None:
    answer = await api.get(f"/problems/{error.code}")  # type: ignore[attr-defined]  # every leaf has a code
    assert answer.status == 200
    assert str(HTTP_STATUS[error]).encode() in answer.body


HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.code)
async def test_no_problem_page_shows_a_template(api: Api, error: type) -> None:
    answer = await api.get(f"/problems/{error.code}")  # type: ignore[attr-defined]  # every leaf has a code
    assert not re.search(r"\{\w+\}", answer.body.decode())
    assert b"style.css" in answer.body
    assert re.search(r"<title>[A-Z][\w ]+</title>", answer.body.decode())


@pytest.mark.parametrize("path", ["/nothing", "/problems/nothing", "/static/nothing.js", "/api/v1/uploads/nothing"])
async def test_unknown_url_is_a_page_for_browsers_and_json_for_scripts(api: Api, path: str) -> None:
    page = await api.get(path, headers=HTML)
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Not found" in page.body.decode()
    assert "여기에는 아무것도 없습니다" in page.body.decode()
    for accept in ("*/*", "application/json", "application/json, text/html"):
        assert "json" in (await api.get(path, headers={"Accept": accept})).headers["Content-Type"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en;q=0.1, ko;q=0.2", "ko"),
        ("fr, ko;q=0", "en"),
        ("ko;q=x", "en"),
    ],
)
async def test_pages_are_in_the_preferred_language(api: Api, accepted: str, language: str) -> None:
    for path in ("/", "/admin", "/problems/damaged"):
        page = await api.get(path, headers={"Accept-Language": accepted})
        assert f'<html lang="{language}">' in page.body.decode()
        assert "Accept-Language" in page.headers["Vary"]
    page = await api.get("/", headers={"Accept-Language": accepted})
    assert f"words.{language}.js" in page.body.decode()


async def test_page_shows_station_contact_and_limit(data: Path, session: aiohttp.ClientSession) -> None:
    settings: dict[str, Any] = {"station_name": "Radio <Mapo>", "contact": "studio@radio.example", "file_limit": "2GiB"}
    with Server(data, disk_reserve=0, **settings) as server:
        api = Api(session, server.url, server.token)
        for path in ("/", "/nothing"):
            page = (await api.get(path, headers=HTML)).body.decode()
            assert "Radio &lt;Mapo&gt;" in page
            assert '<a href="mailto:studio@radio.example">studio@radio.example</a>' in page
            assert "Files up to 2\u00a0GB" in page
        assert "Send your audio to Radio &lt;Mapo&gt;" in (await api.get("/")).body.decode()


async def test_page_without_these_settings_shows_no_station(api: Api) -> None:
    page = (await api.get("/")).body.decode()
    assert "Send us your audio" in page
    assert "Questions?" not in page


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("https://radio.example/contact", "https://radio.example/contact"),
        ("mailto:a@radio.example", "mailto:a@radio.example"),
        ("Tel: 02-123 4567", None),
    ],
)
def test_contact_is_a_link_if_it_is_a_url_or_an_email_address(contact: str, link: str | None) -> None:
    assert Station(contact=load(contact=contact).contact).link == link


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "ftp://radio.example", "two\nlines", "x" * 301])
def test_a_contact_that_cannot_be_shown_is_an_error(contact: str) -> None:
    with pytest.raises(ValueError, match="contact"):
        load(contact=contact)


async def test_probes_report_health_and_readiness(api: Api) -> None:
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
        new_upload = {"filename": "a.mp3", "length": 5}
        assert (await api.request("POST", "/api/v1/uploads", json=new_upload)).status == 401
        assert (await api.get("/api/v1/uploads")).status == 401
        assert (await api.request("POST", "/api/v1/uploads", json=new_upload, headers=api.admin)).status == 201
        assert (await api.get("/")).status == 200


async def test_off_loopback_upload_continues_after_the_session(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, host="0.0.0.0", disk_reserve=0) as server:
        api = Api(session, server.url, server.token)
        new_upload = {"filename": "a.mp3", "length": 20_010}
        created = await api.request("POST", "/api/v1/uploads", json=new_upload, headers=api.admin)
        where = f"/api/v1/uploads/{created.body['id']}"
        assert (await api.post(created.body["id"], 0, bytes(20_000))).status == 200
        assert (await api.put(created.body["id"], 20_005, b"12345")).status == 200
        assert (await api.get(where)).body["offset"] == 20_000
        assert len((await api.get(f"{where}/slices")).body) == 2
        assert (await api.request("PATCH", where, json={"tags": {}})).status == 401
        assert (await api.request("DELETE", where)).status == 401
