"""Permissions of browsers, scripts without a cookie and the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.http.security.people import BYTES, HALF, MP3, RUFH, TUS, UPLOADS, WHO, People
from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.pictures import JPEG

if TYPE_CHECKING:
    from tests.support.server import Server


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
    ((owner,),) = shared_server.database.rows("SELECT owner FROM uploads WHERE id = ?", upload["id"])
    assert owner.startswith("browser:")
    assert browser.headers["Cookie"].partition("=")[2] not in owner


@pytest.mark.parametrize("path", ["/admin", "/static/style.css", UPLOADS, "/health"])
async def test_only_the_page_sets_an_owner_cookie(api: Api, path: str) -> None:
    assert "Set-Cookie" not in (await api.get(path)).headers
