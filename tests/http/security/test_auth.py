"""Permissions of browsers, scripts without a cookie and the admin; admin sessions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.pictures import JPEG
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
REST = {"Upload-Offset": str(16 * 1024)}
RUFH = REST | {"Upload-Complete": "?0", "Content-Type": "application/partial-upload"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
WHO = ("owner", "stranger", "script", "admin")
HALF = bytes(16 * 1024)
"""Minimum bytes of a slice."""
MP3 = make_mp3(2, seed=8100)


class People:
    """Clients of one server, as different callers."""

    def __init__(self, script: Api, owner: Api, stranger: Api) -> None:
        admin = Api(script.session, script.url, script.token)
        admin.headers = admin.admin
        self.clients = {"script": script, "owner": owner, "stranger": stranger, "admin": admin}

    def __getitem__(self, who: str) -> Api:
        return self.clients[who]

    async def uploads(self, dialect: str = "native") -> dict[str, str]:
        """Return new uploads of the browser and of a script, each with half of its bytes."""
        return {whose: await begin(self[whose], dialect) for whose in ("owner", "script")}


async def begin(client: Api, dialect: str) -> str:
    """Return a new upload with half of its bytes."""
    if dialect == "native":
        upload_id: str = (await client.create("begun.mp3", 2 * len(HALF)))["id"]
        assert (await client.put(upload_id, 0, HALF)).status == 200
        return upload_id
    headers = {"Upload-Length": str(2 * len(HALF)), **({"Upload-Complete": "?0"} if dialect == "rufh" else TUS | BYTES)}
    answer = await client.request("POST", f"/{dialect}/", headers=headers, data=HALF)
    assert answer.status == 201, answer
    return answer.headers["Location"].rpartition("/")[2]


@pytest_asyncio.fixture
async def people(api: Api) -> People:
    return People(api, await api.browser(), await api.browser())


ID_IS_ENOUGH: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "show": ("GET", UPLOADS + "/{}", {}, 200),
    "slices": ("GET", UPLOADS + "/{}/slices", {}, 200),
    "put": ("PUT", f"{UPLOADS}/{{}}/slices/{len(HALF)}", {"data": HALF}, 200),
    "tus head": ("HEAD", "/tus/{}", {"headers": TUS}, 200),
    "tus patch": (
        "PATCH",
        "/tus/{}",
        {"headers": TUS | BYTES | {"Upload-Offset": str(len(HALF))}, "data": b"abcde"},
        204,
    ),
    "rufh head": ("HEAD", "/rufh/{}", {}, 204),
    "rufh patch": ("PATCH", "/rufh/{}", {"headers": RUFH, "data": b"abcde"}, 204),
}
"""Method, path, request and status of actions for which an upload's id is enough."""

NEEDS_THE_OWNER: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "amend": ("PATCH", UPLOADS + "/{}", {"json": {"tags": {"title": "Mine"}}}, 200),
    "cover": ("PUT", UPLOADS + "/{}/cover", {"data": JPEG}, 200),
    "no cover": ("DELETE", UPLOADS + "/{}/cover", {}, 204),
    "cancel": ("DELETE", UPLOADS + "/{}", {}, 204),
    "tus delete": ("DELETE", "/tus/{}", {"headers": TUS}, 204),
    "rufh delete": ("DELETE", "/rufh/{}", {}, 204),
}
"""Actions for the owner and the admin, if the upload has an owner."""


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", ID_IS_ENOUGH)
async def test_id_is_enough_to_resume_an_upload(people: People, route: str, who: str) -> None:
    method, path, more, status = ID_IS_ENOUGH[route]
    dialect = path.split("/")[1] if path.startswith(("/tus", "/rufh")) else "native"
    for upload_id in (await people.uploads(dialect)).values():
        answer = await people[who].request(method, path.format(upload_id), **more)
        assert answer.status == status, answer


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", NEEDS_THE_OWNER)
async def test_only_owner_and_admin_change_an_upload(people: People, route: str, who: str) -> None:
    method, path, more, status = NEEDS_THE_OWNER[route]
    uploads = await people.uploads()
    answer = await people[who].request(method, path.format(uploads["owner"]), **more)
    if who in ("owner", "admin"):
        assert answer.status == status, answer
    else:
        assert (answer.status, answer.code) == (404, "unknown_upload")
        assert (await people["owner"].show(uploads["owner"]))["state"] == "receiving"
    answer = await people[who].request(method, path.format(uploads["script"]), **more)
    assert answer.status == status, answer


@pytest.mark.parametrize("who", WHO)
async def test_only_owner_and_admin_see_a_sent_cover(people: People, who: str) -> None:
    for whose, upload_id in (await people.uploads()).items():
        cover = f"{UPLOADS}/{upload_id}/cover"
        assert (await people[whose].request("PUT", cover, data=JPEG)).status == 200
        allowed = whose == "script" or who in ("owner", "admin")
        assert (await people[who].get(cover)).status == (200 if allowed else 404)


@pytest.mark.parametrize("who", WHO)
async def test_upload_shows_whether_it_is_the_callers(people: People, who: str) -> None:
    uploads = await people.uploads()
    assert (await people[who].show(uploads["owner"]))["mine"] == (who in ("owner", "admin"))
    assert (await people[who].show(uploads["script"]))["mine"] is True


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("whose", ["owner", "script"])
async def test_only_owner_and_admin_read_a_finished_file(people: People, who: str, whose: str) -> None:
    upload = await people[whose].create("read.mp3", len(MP3))
    await people[whose].request("PUT", f"{UPLOADS}/{upload['id']}/cover", data=JPEG)
    file = (await people[whose].send_all(upload["id"], MP3))["file"]["url"]
    for path in (file, f"{file}/content", f"{file}/cover"):
        answer = await people[who].get(path)
        if whose == "script" or who in ("owner", "admin"):
            assert answer.status == 200
        else:
            assert (answer.status, answer.code) == (404, "unknown_file")


async def test_a_listing_shows_only_the_browsers_own_uploads(people: People) -> None:
    uploads = await people.uploads()
    listed = {who: (await people[who].get(f"{UPLOADS}?limit=200")).body["uploads"] for who in WHO}
    assert [upload["id"] for upload in listed["owner"]] == [uploads["owner"]]
    assert (listed["stranger"], listed["script"], listed["admin"]) == ([], [], [])
    everybodys = {upload["id"] for upload in (await people["admin"].get(f"{UPLOADS}?scope=all")).body["uploads"]}
    assert everybodys >= set(uploads.values())


@pytest.mark.parametrize("whose", ["owner", "script"])
async def test_same_bytes_are_found_only_by_their_sender(people: People, whose: str) -> None:
    mp3 = make_mp3(2, seed=8101 + len(whose))
    upload = await people[whose].create("found.mp3", len(mp3))
    content_hash = (await people[whose].send_all(upload["id"], mp3))["content_hash"]
    for who in WHO:
        known = whose == who == "owner"
        found = await people[who].get(f"{UPLOADS}?content_hash={content_hash}&length={len(mp3)}")
        assert [upload["id"] for upload in found.body["uploads"]] == [upload["id"]] * known
        new_upload = {"filename": "again.mp3", "length": len(mp3), "content_hash": content_hash}
        again = await people[who].request("POST", UPLOADS, json=new_upload)
        assert (again.status, again.body["id"] == upload["id"]) == ((200, True) if known else (201, False))


@pytest.mark.parametrize("value", ["", "x", "a" * 42, "a" * 44, "ä" * 43, "local"])
async def test_guessable_cookie_owns_nothing(api: Api, value: str) -> None:
    guessed = Api(api.session, api.url, api.token)
    guessed.headers = {"Cookie": f"media_service_owner={value}"}
    upload = await guessed.create("guessed.mp3", 10)
    assert (await guessed.get(UPLOADS)).body["uploads"] == []
    assert (await api.request("DELETE", f"{UPLOADS}/{upload['id']}")).status == 204
    assert "Set-Cookie" in (await guessed.get("/")).headers


async def test_page_sets_one_owner_cookie_and_only_its_digest_is_stored(api: Api, shared_server: Server) -> None:
    first, second = await api.get("/"), await api.get("/")
    cookie, *attributes = first.headers["Set-Cookie"].split("; ")
    assert cookie != second.headers["Set-Cookie"].partition(";")[0]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"} <= set(attributes)
    assert "Secure" not in attributes
    assert "private" in first.headers["Cache-Control"]
    again = await api.get("/", headers={"Cookie": cookie, "If-None-Match": first.headers["ETag"]})
    assert (again.status, "Set-Cookie" in again.headers) == (304, False)
    browser = await api.browser()
    upload = await browser.create("stored.mp3", 10)
    with closing(sqlite3.connect(shared_server.data / "catalogue.sqlite3")) as connection:
        query = "SELECT owner FROM uploads WHERE id = ?"
        ((owner,),) = connection.execute(query, (upload["id"],)).fetchall()
    assert owner.startswith("browser:")
    assert browser.headers["Cookie"].partition("=")[2] not in owner


@pytest.mark.parametrize("path", ["/admin", "/static/style.css", UPLOADS, "/health"])
async def test_only_the_page_sets_an_owner_cookie(api: Api, path: str) -> None:
    assert "Set-Cookie" not in (await api.get(path)).headers


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
    catalogue = data / "catalogue.sqlite3"
    with Server(data) as server:
        api = Api(session, server.url, server.token)
        old = await sign_in(api)
        with closing(sqlite3.connect(catalogue)) as connection:
            ((created_at, expires_at),) = connection.execute("SELECT created_at, expires_at FROM tokens").fetchall()
            assert expires_at - created_at == 30 * 24 * 3600 * 1_000_000
        server.stop()
        with closing(sqlite3.connect(catalogue)) as connection, connection:
            connection.execute("UPDATE tokens SET expires_at = ?", (created_at,))
        server.start()
        assert (await old.get("/api/v1/files")).status == 401
        await sign_in(api)
        with closing(sqlite3.connect(catalogue)) as connection:
            assert connection.execute("SELECT count(*) FROM tokens").fetchall() == [(1,)]


async def test_stored_session_is_not_a_valid_cookie(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data) as server:
        signed_in = await sign_in(Api(session, server.url, server.token))
        value = signed_in.headers["Cookie"].partition("=")[2]
        stored = (data / "catalogue.sqlite3").read_bytes() + (data / "catalogue.sqlite3-wal").read_bytes()
        assert value.encode() not in stored
        with closing(sqlite3.connect(data / "catalogue.sqlite3")) as connection:
            ((digest,),) = connection.execute("SELECT digest FROM tokens").fetchall()
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
