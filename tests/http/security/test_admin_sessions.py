"""Admin sessions: signing in and out, and the cookies that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http.security.people import HALF, UPLOADS
from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp


async def test_off_loopback_a_browser_owns_what_it_sends_while_signed_in(
    data: Path, session: aiohttp.ClientSession
) -> None:
    with Server(data, host="0.0.0.0", disk_reserve=0) as server:
        browser = await Api(session, server.url, server.token).browser()
        new_upload = {"filename": "a.mp3", "length": 2 * len(HALF)}
        assert (await browser.request("POST", UPLOADS, json=new_upload)).status == 401
        signed_in = await sign_in(browser)
        upload = (await signed_in.request("POST", UPLOADS, json=new_upload)).body
        assert [one["id"] for one in (await signed_in.get(UPLOADS)).body["uploads"]] == [upload["id"]]
        assert (await browser.put(upload["id"], 0, HALF)).status == 200
        assert (await browser.request("DELETE", f"{UPLOADS}/{upload['id']}")).status == 401
        other = await sign_in(await browser.browser())
        assert (await other.get(UPLOADS)).body["uploads"] == []
        assert (await other.request("DELETE", f"{UPLOADS}/{upload['id']}")).status == 204


async def sign_in(client: Api, **headers: str) -> Api:
    """Return the client with the cookie of a new session added."""
    answer = await client.request("POST", "/session", json={"token": client.token}, headers=headers)
    assert answer.status == 204
    signed_in = Api(client.session, client.url, client.token)
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    signed_in.headers = {"Cookie": "; ".join(filter(None, [client.headers.get("Cookie"), cookie]))}
    return signed_in


async def test_signing_out_ends_the_session_and_no_other_one(api: Api) -> None:
    one, other = await sign_in(api), await sign_in(api)
    assert (await one.get("/api/v1/files")).status == 200
    out = await one.request("DELETE", "/session")
    assert (out.status, 'media_service_session=""' in out.headers["Set-Cookie"]) == (204, True)
    assert (await one.get("/api/v1/files")).status == 401
    assert (await other.get("/api/v1/files")).status == 200
    assert (await one.request("DELETE", "/session")).status == 204


async def test_signing_in_again_ends_the_session_from_before(api: Api) -> None:
    before = await sign_in(api)
    now = await sign_in(before)
    now.headers = {"Cookie": now.headers["Cookie"].rpartition("; ")[2]}
    assert (await before.get("/api/v1/files")).status == 401
    assert (await now.get("/api/v1/files")).status == 200


@pytest.mark.once
async def test_sessions_survive_a_restart_but_not_a_new_token(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data) as server:
        api = Api(session, server.url, server.token)
        signed_in, signed_out = await sign_in(api), await sign_in(api)
        assert (await signed_out.request("DELETE", "/session")).status == 204
        server.restart()
        assert (await signed_in.get("/api/v1/files")).status == 200
        assert (await signed_out.get("/api/v1/files")).status == 401
        server.stop()
        (data / "admin-token").unlink()
        server.start()
        assert server.token != api.token
        assert (await signed_in.get("/api/v1/files")).status == 401


async def test_a_session_ends_after_thirty_days(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data) as server:
        api = Api(session, server.url, server.token)
        old = await sign_in(api)
        ((created_at, expires_at),) = server.database.rows("SELECT created_at, expires_at FROM tokens")
        assert expires_at - created_at == 30 * 24 * 3600 * 1_000_000
        server.stop()
        server.database.execute("UPDATE tokens SET expires_at = ?", created_at)
        server.start()
        assert (await old.get("/api/v1/files")).status == 401
        await sign_in(api)
        assert server.database.rows("SELECT count(*) FROM tokens") == [(1,)]


async def test_stored_session_is_not_a_valid_cookie(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data) as server:
        signed_in = await sign_in(Api(session, server.url, server.token))
        value = signed_in.headers["Cookie"].partition("=")[2]
        assert value.encode() not in server.database.stored()
        ((digest,),) = server.database.rows("SELECT digest FROM tokens")
        forged = {"Cookie": f"media_service_session={digest.hex()}"}
        assert (await Api(session, server.url, "").get("/api/v1/files", headers=forged)).status == 401


@pytest.mark.parametrize(
    ("public_url", "prefix", "path"),
    [("https://radio.example", "__Host-", "/"), ("https://radio.example/media", "__Secure-", "/media")],
)
async def test_only_secure_cookies_count_if_public_url_is_https(
    data: Path, session: aiohttp.ClientSession, public_url: str, prefix: str, path: str
) -> None:
    with Server(data, public_url=public_url, base_path=path.rstrip("/")) as server:
        api = Api(session, server.url, server.token)
        browser = await sign_in(await api.browser())
        cookies = browser.headers["Cookie"].split("; ")
        assert [cookie.partition("=")[0] for cookie in cookies] == [
            f"{prefix}media_service_owner",
            f"{prefix}media_service_session",
        ]
        for response in (await api.get("/"), await api.request("POST", "/session", json={"token": api.token})):
            assert {"Secure", "HttpOnly", f"Path={path}"} <= set(response.headers["Set-Cookie"].split("; "))
        await browser.create("secure.mp3", 10)
        assert len((await browser.get(UPLOADS)).body["uploads"]) == 1
        assert (await browser.get("/api/v1/files")).status == 200
        plain = {"Cookie": "; ".join(cookies).replace(prefix, "")}
        assert (await api.get(UPLOADS, headers=plain)).body["uploads"] == []
        assert (await api.get("/api/v1/files", headers=plain)).status == 401
        out = await browser.request("DELETE", "/session")
        assert out.headers["Set-Cookie"].startswith(f'{prefix}media_service_session="";')
        assert "Secure" in out.headers["Set-Cookie"]


async def test_sign_in_from_an_https_origin_sets_a_secure_cookie(api: Api) -> None:
    host = api.url.removeprefix("http://")
    body = {"json": {"token": api.token}}
    https = {"Origin": f"https://{host}", "Sec-Fetch-Site": "same-origin"}
    secure = await api.request("POST", "/session", headers=https, **body)
    assert secure.headers["Set-Cookie"].startswith("__Host-media_service_session=")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert (await (await sign_in(api, **https)).get("/api/v1/files")).status == 200
    plain = await api.request("POST", "/session", headers={"Origin": f"http://{host}"}, **body)
    assert plain.headers["Set-Cookie"].startswith("media_service_session=")
