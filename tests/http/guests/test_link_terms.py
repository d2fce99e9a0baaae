"""What a link asks of guests and how much it takes, in every dialect, with two receivers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.guests import DIALECTS, Guest, browser, change_link, create_native, form, new_file, new_link, stored

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server


FRIEND, OTHER = "https://radio.example", "https://other.example"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_a_link_asks_is_asked_in_every_dialect(api: Api, dialect: str) -> None:
    link = await new_link(api, asks={"name": "required", "email": "required", "title": "optional"})
    guest, create = await browser(api, link), DIALECTS[dialect]
    for details, missing in (
        ({}, ["name", "email"]),
        ({"name": "  ", "email": "kim@radio.example"}, ["name"]),
        ({"name": "Kim"}, ["email"]),
    ):
        refused = await create(guest, new_file(), **details)
        assert (refused.status, refused.code, refused.body["fields"]) == (422, "asked", missing)
    refused = await create(guest, new_file(), name="Kim", email="kim")
    assert (refused.status, refused.code) == (400, "malformed")
    accepted = await create(guest, new_file(), name="Kim", email="kim@radio.example")
    assert accepted.status in (200, 201, 202), accepted
    # A form that has brought its file is refused at its end.
    listed, *refused_forms = (await guest.get("/uploads")).body["uploads"]
    assert (listed["sender"], {upload["state"] for upload in refused_forms} <= {"cancelled"}) == ("Kim", True)


async def test_what_a_link_requires_cannot_be_removed_later(api: Api) -> None:
    link = await new_link(api, asks={"name": "required", "title": "required"})
    guest = await browser(api, link)
    created = await create_native(guest, new_file(), name="Kim", title="Night")

    async def amend(**details: Any) -> Any:
        path = f"/api/v1/uploads/{created.body['id']}"
        return await api.request("PATCH", path, json=details, headers=guest.bearer)

    for nothing in ({"sender": "", "tags": {}}, {"sender": "\u200e", "tags": {"title": "\u0007 "}}):
        refused = await amend(**nothing)
        assert (refused.code, refused.body["fields"]) == ("asked", ["name", "title"])
    amended = await amend(sender="Kim K.", email="", tags={"title": "Late", "artist": "Kim"})
    assert (amended.status, amended.body["sender"], amended.body["tags"]["title"]) == (200, "Kim K.", "Late")


async def test_details_may_follow_the_file_of_a_form(api: Api, server: Server) -> None:
    link = await new_link(api, asks={"name": "required", "email": "required"})
    guest, details = await browser(api, link), {"name": "Kim", "email": "kim@radio.example"}
    data = form(new_file(), details, after=True)
    sent = await api.request("POST", guest.page, data=data, headers=guest.headers | {"Accept": "application/json"})
    assert (sent.status, sent.body["state"], sent.body["sender"]) == (201, "spooled", "Kim")
    rows = server.database.rows("SELECT email, account FROM files WHERE upload_id = ?", sent.body["id"])
    assert rows == [(details["email"], f"link:{link['id']}")]
    data = form(new_file(), {"email": "kim@radio.example"}, after=True)
    refused = await api.request("POST", guest.page, data=data, headers=guest.headers)
    assert (refused.status, refused.code, refused.body["fields"]) == (422, "asked", ["name"])
    ended = (await guest.get("/uploads")).body["uploads"]
    assert [upload["state"] for upload in ended] == ["cancelled", "spooled"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_link_takes_nothing_before_it_opens(api: Api, dialect: str) -> None:
    link = await new_link(api, opens_at="2999-01-01T00:00:00Z", expires_in=None)
    guest = await browser(api, link)
    assert (await guest.get("/link")).body["state"] == "early"
    assert (await DIALECTS[dialect](guest, new_file())).code == "link_early"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_passphrase_is_needed_in_every_dialect(api: Api, dialect: str) -> None:
    link = await new_link(api, passphrase="Nachtmusik", note="Psst")
    guest, create = await browser(api, link), DIALECTS[dialect]
    refused = await create(guest, new_file())
    assert (refused.status, refused.code) == (403, "passphrase_required")
    for given, status in (("nachtmusik", 403), ("Nachtmusik", 201)):
        headers = guest.headers | {"Upload-Passphrase": given}
        assert (await create(Guest(api, link, headers), new_file())).status == status


async def test_a_passphrase_is_given_once_by_a_browser(api: Api) -> None:
    link = await new_link(api, passphrase="Nachtmusik", note="Psst")
    guest = await browser(api, link)
    shown = (await guest.get("/link")).body
    assert (shown["needs_passphrase"], shown["note"]) == (True, "")
    assert b"Psst" not in (await guest.get()).body

    async def give(passphrase: str) -> Any:
        body = {"passphrase": passphrase}
        return await api.request("POST", f"{guest.page}/passphrase", json=body, headers=guest.headers)

    assert (await give("wrong")).code == "passphrase_required"
    cookie = (await give("Nachtmusik")).headers["Set-Cookie"].partition(";")[0]
    entered = Guest(api, link, {"Cookie": f"{guest.headers['Cookie']}; {cookie}"})
    shown = (await entered.get("/link")).body
    assert (shown["needs_passphrase"], shown["note"]) == (False, "Psst")
    assert (await create_native(entered, new_file())).status == 201
    await change_link(api, link, passphrase="Zauberflöte")
    assert (await create_native(entered, new_file())).code == "passphrase_required"


async def test_a_form_brings_the_passphrase_before_its_file(api: Api) -> None:
    guest = await browser(api, await new_link(api, passphrase="Nachtmusik"))
    data = form(new_file(), {"passphrase": "Nachtmusik"})
    assert (await api.request("POST", guest.page, data=data, headers=guest.headers)).status == 201


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_three_at_once_against_two_files_give_two(api: Api, dialect: str) -> None:
    link = await new_link(api, files_max=2, bytes_max=10**9)
    guest, create = await browser(api, link), DIALECTS[dialect]
    answers = await asyncio.gather(*(create(guest, new_file()) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [201, 201, 413]
    (refused,) = (answer for answer in answers if answer.status == 413)
    assert (refused.code, refused.body["of"], refused.body["limit"]) == ("quota_exceeded", "link", 2)
    assert (await guest.get("/link")).body["left"]["files"] == 0
    if dialect == "form":
        return
    upload_id = next(answer for answer in answers if answer.status == 201).headers["Location"].rpartition("/")[2]
    path = f"/api/v1/uploads/{upload_id}"
    assert (await api.request("DELETE", path, headers=guest.bearer)).status == 204
    assert (await create(guest, new_file())).status == 201


async def test_a_link_bounds_bytes_and_the_bytes_of_a_file(api: Api) -> None:
    content = new_file()
    link = await new_link(api, bytes_max=len(content) + 1, file_bytes_max=len(content))
    guest = await browser(api, link)
    too_large = await create_native(guest, content + b"+")
    assert (too_large.status, too_large.code) == (413, "file_too_large")
    assert (await stored(api, guest, content))["state"] == "spooled"
    assert (await create_native(guest, new_file())).code == "quota_exceeded"


async def test_links_without_limits_of_their_own_have_those_of_the_settings(api: Api) -> None:
    link = await new_link(api)
    assert (link["files_max"], link["left"]) == (None, {"files": 100, "bytes": 10 * 1024**3})


async def test_a_backend_lets_a_browser_on_its_own_site_send_here(api: Api) -> None:
    link = await new_link(api, allowed_origins=[FRIEND], files_max=1, reference="show 7")
    other_link = await new_link(api, allowed_origins=[OTHER])
    cross_site = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await api.request("OPTIONS", "/tus/", headers=cross_site | asked)
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, FRIEND)
    stranger = cross_site | {"Origin": "https://stranger.example"} | asked
    assert "Access-Control-Allow-Origin" not in (await api.request("OPTIONS", "/tus/", headers=stranger)).headers
    created = await DIALECTS["tus"](Guest(api, link, cross_site), new_file())
    assert (created.status, created.headers["Access-Control-Allow-Origin"]) == (201, FRIEND)
    assert created.headers["Vary"] == "Origin"
    for guest in (Guest(api, other_link, cross_site), Guest(api, link, cross_site | {"Origin": OTHER})):
        refused = await DIALECTS["tus"](guest, new_file())
        assert (refused.status, refused.code) == (403, "forbidden_origin")
        assert "Access-Control-Allow-Origin" not in refused.headers
